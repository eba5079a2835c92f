// SPDX-License-Identifier: Apache-2.0
/*
 * Logins that saslauthd judges. Its protocol: one connection for each question; four strings, each
 * behind its length in two bytes, most significant first (user, password, service, realm); one such
 * string comes back, "OK" or "NO" and perhaps a reason behind a blank.
 */
#include <gatepost/plugin.h>

#define REPLY_MAX ((size_t)1024)
#define WORD_MAX ((size_t)255)
#define REQUEST_MAX ((size_t)2048) /* 255, 500 and twice WORD_MAX, with their lengths */

struct auth_saslauthd {
    struct gp_slice to, service, realm;
    uint64_t connect_ms, timeout_ms;
};

/* What saslauthd says when the trouble is its own. "PAM auth error" stands for everything that PAM
 * can answer, a wrong password first of all. */
static const struct gp_slice own_trouble[] = {
    {"[ALERT]", 7},
    {"saslauthd ", 10},
    {"internal mechanism failure", 26},
    {"PAM start error", 15},
    {"Username lookup failure", 23},
    {"Username shadow lookup failure", 30},
    {"Insufficient permission", 23},
};

static int failed(struct gp_call *call, const struct auth_saslauthd *self, const char *what)
{
    gp_log(call, GP_LOG_ERROR, "saslauthd at " GP_FMT ": %s", GP_ARG(self->to), what);
    return GP_ETEMP;
}

/* ---- asking ---- */

static size_t put_string(char *out, struct gp_slice text)
{
    out[0] = (char)(text.len >> 8 & 0xff);
    out[1] = (char)(text.len & 0xff);
    if (text.len)
        memcpy(out + 2, text.data, text.len);
    return text.len + 2;
}

static int ask(struct gp_call *call, const struct auth_saslauthd *self, struct gp_stream *stream,
               struct gp_slice user, struct gp_slice password)
{
    const struct gp_slice words[] = {user, password, self->service, self->realm};
    char *out = gp_alloc(call, REQUEST_MAX);
    size_t len = 0;

    if (!out || user.len + password.len + 2 * (WORD_MAX + 4) > REQUEST_MAX)
        return GP_ELIMIT;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        len += put_string(out + len, words[i]);
    return gp_stream_write(call, stream, gp_slice(out, len));
}

/* ---- the answer ---- */

/* Reads until at least that many bytes are there. 0 or an error. */
static int read_at_least(struct gp_call *call, struct gp_stream *stream, char *in, size_t *len,
                         size_t wanted)
{
    while (*len < wanted) {
        int64_t n = gp_stream_read(call, stream, in + *len, REPLY_MAX + 2 - *len);

        if (n <= 0)
            return n < 0 ? (int)n : GP_ECLOSED;
        *len += (size_t)n;
    }
    return GP_OK;
}

/* The string that must be all there is. */
static int read_reply(struct gp_call *call, struct gp_stream *stream, struct gp_slice *reply_r)
{
    char *in = gp_alloc(call, REPLY_MAX + 2);
    size_t len = 0, wanted;
    int error = in ? read_at_least(call, stream, in, &len, 2) : GP_ELIMIT;

    if (error)
        return error;
    wanted = (size_t)(unsigned char)in[0] << 8 | (unsigned char)in[1];
    if (wanted < 2 || wanted > REPLY_MAX)
        return GP_EINVAL;
    error = read_at_least(call, stream, in, &len, wanted + 2);
    *reply_r = gp_slice(in + 2, wanted);
    return !error && len > wanted + 2 ? GP_EINVAL : error;
}

/* "OK", "NO", or either with a blank and more behind it; the more. */
static bool says(struct gp_slice reply, struct gp_slice word, struct gp_slice *reason_r)
{
    *reason_r = gp_slice_sub(reply, word.len + 1, reply.len);
    return gp_slice_starts(reply, word) && (reply.len == word.len || reply.data[word.len] == ' ');
}

static bool is_own_trouble(struct gp_slice reason)
{
    for (size_t i = 0; i < sizeof own_trouble / sizeof own_trouble[0]; i++)
        if (gp_slice_starts(reason, own_trouble[i]))
            return true;
    return false;
}

static int judge(struct gp_call *call, const struct auth_saslauthd *self, struct gp_slice reply)
{
    struct gp_slice reason;

    /* Strings of C: some versions count the NUL. */
    if (reply.data[reply.len - 1] == '\0')
        reply.len--;
    if (says(reply, GP_S("OK"), &reason))
        return GP_OK;
    if (!says(reply, GP_S("NO"), &reason))
        return failed(call, self, "its answer is neither OK nor NO");
    if (!is_own_trouble(reason))
        return GP_ENOTFOUND;
    gp_log(call, GP_LOG_ERROR, "saslauthd at " GP_FMT " could not tell: " GP_FMT, GP_ARG(self->to),
           GP_ARG(reason));
    return GP_ETEMP;
}

/* ---- the role ---- */

static const char *text_of(int error)
{
    if (error == GP_EINVAL)
        return "its answer is malformed";
    return error == GP_ECLOSED ? "it closed the connection" : gp_strerror(error);
}

static int verify_password(struct gp_call *call, void *self_, struct gp_slice user,
                           struct gp_slice password)
{
    const struct auth_saslauthd *self = self_;
    struct gp_stream *stream;
    struct gp_slice reply;
    int error = gp_connect_within(call, self->to, self->connect_ms, &stream);

    if (error) {
        failed(call, self, "can't connect");
        return error;
    }
    gp_stream_timeout(stream, self->timeout_ms);
    error = ask(call, self, stream, user, password);
    if (!error)
        error = read_reply(call, stream, &reply);
    gp_stream_close(&stream);
    if (!error)
        return judge(call, self, reply);
    failed(call, self, text_of(error));
    return error;
}

static int create(struct gp_call *call, void *self_)
{
    const struct auth_saslauthd *self = self_;

    if (self->service.len <= WORD_MAX && self->realm.len <= WORD_MAX)
        return GP_OK;
    gp_log(call, GP_LOG_ERROR, "service and realm have at most %zu bytes", WORD_MAX);
    return GP_EINVAL;
}

static const struct gp_auth_role role = {.size = sizeof role, .verify_password = verify_password};

GP_OPTIONS(struct auth_saslauthd,
           GP_OPTION_ADDRESS("to", struct auth_saslauthd, to, "unix:/run/saslauthd/mux",
                             "Where saslauthd listens."),
           GP_OPTION_STRING("service", struct auth_saslauthd, service, "smtp",
                            "What the login is for: PAM's service.", .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_STRING("realm", struct auth_saslauthd, realm, "",
                            "The realm of all users, for mechanisms that know some."),
           GP_OPTION_DURATION("connect_timeout", struct auth_saslauthd, connect_ms, "5s", 100,
                              60000, "How long connecting may take."),
           GP_OPTION_DURATION("timeout", struct auth_saslauthd, timeout_ms, "20s", 1000, 300000,
                              "How long the answer may take."));
GP_PLUGIN(.version = "1.0", .summary = "Logins that saslauthd judges", .needs = GP_NEEDS_NETWORK,
          .create = create, .auth = &role, GP_USES_OPTIONS);
