// SPDX-License-Identifier: Apache-2.0
/*
 * A certificate that nobody signed but itself, for a first try: it encrypts, and proves nothing.
 * The key is there before the certificate, so a certificate that is found has its key.
 */
#include "core/runtime/tls.h"

#include "core/base/alloc.h"
#include "core/runtime/tls_error.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAYS 3650
#define PATH_LEN_MAX 4096

/* ---- making ---- */

static int set_serial(X509 *x509)
{
    unsigned char bytes[16];
    BIGNUM *number;
    int result;

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return 0;
    bytes[0] &= 0x7f;
    number = BN_bin2bn(bytes, sizeof bytes, NULL);
    result = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
    BN_free(number);
    return result;
}

static int set_names(X509 *x509, struct gp_slice hostname)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    X509_NAME *subject = X509_get_subject_name(x509);
    size_t common = hostname.len <= 64 ? hostname.len : 64; /* X.520's bound */
    int result = names && name && text && ASN1_STRING_set(text, hostname.data, (int)hostname.len);

    if (!result) {
        ASN1_IA5STRING_free(text);
        GENERAL_NAME_free(name);
        GENERAL_NAMES_free(names);
        return 0;
    }
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, name);
    result = X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0) == 1 &&
             X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
                                        (const unsigned char *)hostname.data, (int)common, -1,
                                        0) == 1 &&
             X509_set_issuer_name(x509, subject) == 1;
    GENERAL_NAMES_free(names);
    return result;
}

static X509 *make(EVP_PKEY *key, struct gp_slice hostname)
{
    X509 *x509 = X509_new();

    if (x509 && X509_set_version(x509, X509_VERSION_3) && set_serial(x509) &&
        X509_gmtime_adj(X509_getm_notBefore(x509), -3600) &&
        X509_time_adj_ex(X509_getm_notAfter(x509), DAYS, 0, NULL) && X509_set_pubkey(x509, key) &&
        set_names(x509, hostname) && X509_sign(x509, key, EVP_sha256()))
        return x509;
    X509_free(x509);
    return NULL;
}

/* ---- keeping ---- */

static int make_parents(const char *path)
{
    char copy[PATH_LEN_MAX];

    if (strlen(path) >= sizeof copy)
        return -1;
    strcpy(copy, path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return -1;
        *slash = '/';
    }
    return 0;
}

static int write_all(int fd, struct gp_slice bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.data, bytes.len);

        if (n < 0)
            return -1;
        bytes = gp_slice_sub(bytes, (size_t)n, bytes.len);
    }
    return fsync(fd);
}

/* Under another name first: whoever reads meanwhile finds all of it or nothing. */
static int keep(const char *path, mode_t mode, BIO *bio)
{
    char fresh[PATH_LEN_MAX];
    int fd, result, len = snprintf(fresh, sizeof fresh, "%s.new", path);
    char *data;
    long size = BIO_get_mem_data(bio, &data);

    if (len < 0 || (size_t)len >= sizeof fresh || make_parents(path) < 0)
        return -1;
    (void)unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return -1;
    result = write_all(fd, gp_slice(data, (size_t)size));
    if (close(fd) < 0)
        result = -1;
    return result < 0 ? -1 : rename(fresh, path);
}

static int keep_both(const char *cert_path, const char *key_path, X509 *x509, EVP_PKEY *key,
                     struct gp__buf *error_r)
{
    BIO *key_pem = BIO_new(BIO_s_secmem()), *cert_pem = BIO_new(BIO_s_mem());
    const char *failed = NULL;

    if (!key_pem || !cert_pem || !PEM_write_bio_X509(cert_pem, x509) ||
        !PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL))
        gp__tls_error(error_r, "OpenSSL");
    else if (keep(key_path, 0600, key_pem) < 0)
        failed = key_path;
    else if (keep(cert_path, 0644, cert_pem) < 0)
        failed = cert_path;
    if (failed)
        gp__buf_printf(error_r, "cannot write %s: %s", failed, strerror(errno));
    BIO_free(key_pem);
    BIO_free(cert_pem);
    return error_r->len ? -1 : 0;
}

/* A key that somebody made, or a certificate that only could not be read, is not ours to replace. */
static bool is_there(const char *path, struct gp__buf *error_r)
{
    struct stat status;

    if (lstat(path, &status) < 0 && errno == ENOENT)
        return false;
    gp__buf_printf(error_r, "%s is there already, and stays", path);
    return true;
}

int gp__tls_self_sign(const char *cert_path, const char *key_path, struct gp_slice hostname,
                      struct gp__buf *error_r)
{
    EVP_PKEY *key;
    X509 *x509;
    int result = -1;

    if (is_there(cert_path, error_r) || is_there(key_path, error_r))
        return -1;
    key = EVP_EC_gen("P-256");
    x509 = key ? make(key, hostname) : NULL;
    if (x509)
        result = keep_both(cert_path, key_path, x509, key, error_r);
    else
        gp__tls_error(error_r, "OpenSSL");
    X509_free(x509);
    EVP_PKEY_free(key);
    return result;
}
