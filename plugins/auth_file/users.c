// SPDX-License-Identifier: Apache-2.0
#include "users.h"

#include "secrets.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 255u

/* ---- looking up ---- */

static int by_name(const void *a, const void *b)
{
    return gp_slice_cmp(((const struct user *)a)->name, ((const struct user *)b)->name);
}

const struct user *users_find(const struct users *users, struct gp_slice name)
{
    struct user wanted = {.name = name};

    if (users->count == 0)
        return NULL;
    return bsearch(&wanted, users->list, users->count, sizeof *users->list, by_name);
}

bool users_all_have(const struct users *users, struct gp_slice mechanism)
{
    for (size_t i = 0; i < users->count; i++)
        if (!gp_slice_present(secrets_scram(users->list[i].secrets, mechanism)))
            return false;
    return users->count > 0;
}

/* ---- reading ---- */

static int mistake(char error[USERS_ERROR_MAX], unsigned number, const char *text)
{
    snprintf(error, USERS_ERROR_MAX, "line %u: %s", number, text);
    return -1;
}

static bool has_control(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (((unsigned char)text.data[i] < 0x20 && text.data[i] != '\t') || text.data[i] == 0x7f)
            return true;
    return false;
}

static int check_secrets(struct gp_slice secrets, unsigned number, char error[USERS_ERROR_MAX])
{
    if (gp_slice_trim(secrets).len == 0)
        return mistake(error, number, "no secret after the name");
    if (!secrets_known(secrets))
        return mistake(error, number, "a secret of a kind that is not known");
    return 0;
}

static int add_line(struct users *users, struct gp_slice line, unsigned number,
                    char error[USERS_ERROR_MAX])
{
    struct user *user = &users->list[users->count];

    if (has_control(line))
        return mistake(error, number, "a control character");
    user->secrets = line;
    user->name = gp_slice_split(&user->secrets, ':');
    if (!gp_slice_present(user->secrets))
        return mistake(error, number, "write NAME:SECRET");
    if (user->name.len == 0 || user->name.len > NAME_MAX_BYTES ||
        gp_slice_trim(user->name).len != user->name.len)
        return mistake(error, number, "not a name: 1 to 255 bytes, no white space around it");
    if (check_secrets(user->secrets, number, error) < 0)
        return -1;
    users->count++;
    return 0;
}

static int add_lines(struct users *users, char error[USERS_ERROR_MAX])
{
    struct gp_slice rest = gp_slice(users->bytes, users->len);
    unsigned number = 0;

    while (gp_slice_present(rest)) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        number++;
        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        if (gp_slice_trim(line).len == 0 || line.data[0] == '#')
            continue;
        if (add_line(users, line, number, error) < 0)
            return -1;
    }
    return 0;
}

static int check_twice(const struct users *users, char error[USERS_ERROR_MAX])
{
    for (size_t i = 1; i < users->count; i++) {
        if (!gp_slice_eq(users->list[i - 1].name, users->list[i].name))
            continue;
        snprintf(error, USERS_ERROR_MAX, "\"" GP_FMT "\" is there twice",
                 GP_ARG(gp_slice_sub(users->list[i].name, 0, 100)));
        return -1;
    }
    return 0;
}

static size_t count_lines(struct gp_slice bytes)
{
    size_t n = 1;

    for (size_t i = 0; i < bytes.len; i++)
        n += bytes.data[i] == '\n';
    return n;
}

static struct users *users_create(struct gp_slice bytes)
{
    struct users *users = calloc(1, sizeof *users);

    if (!users)
        return NULL;
    users->len = bytes.len;
    users->bytes = malloc(bytes.len + 1);
    users->list = calloc(count_lines(bytes), sizeof *users->list);
    if (!users->bytes || !users->list) {
        users->len = 0;
        users_free(&users);
        return NULL;
    }
    if (bytes.len)
        memcpy(users->bytes, bytes.data, bytes.len);
    return users;
}

struct users *users_parse(struct gp_slice bytes, char error[USERS_ERROR_MAX])
{
    struct users *users = users_create(bytes);

    if (!users) {
        snprintf(error, USERS_ERROR_MAX, "no memory");
        return NULL;
    }
    if (add_lines(users, error) == 0) {
        qsort(users->list, users->count, sizeof *users->list, by_name);
        if (check_twice(users, error) == 0)
            return users;
    }
    users_free(&users);
    return NULL;
}

void users_free(struct users **users_)
{
    struct users *users = *users_;

    *users_ = NULL;
    if (!users)
        return;
    if (users->bytes)
        explicit_bzero(users->bytes, users->len);
    free(users->bytes);
    free(users->list);
    free(users);
}
