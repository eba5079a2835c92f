// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/tls_error.h"

#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

/* By what an operator can do about it. */
static const struct {
    int reason;
    const char *text;
} reasons[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, "the client has no version of TLS that the profile allows"},
    {SSL_R_VERSION_TOO_LOW, "the client has no version of TLS that the profile allows"},
    {SSL_R_INAPPROPRIATE_FALLBACK, "the client fell back to an older version without need"},
    {SSL_R_NO_SHARED_CIPHER, "no cipher in common with the client"},
    {SSL_R_NO_SHARED_GROUPS, "no key exchange group in common with the client"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "no key exchange group in common with the client"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no certificate that the client can check"},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, "no certificate that the client can check"},
    {SSL_R_WRONG_VERSION_NUMBER, "not TLS: the client sent something else"},
    {SSL_R_HTTP_REQUEST, "not TLS: the client sent an HTTP request"},
    {SSL_R_HTTPS_PROXY_REQUEST, "not TLS: the client sent an HTTP request"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "the client wants another protocol (ALPN)"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client showed no certificate"},
    {SSL_R_UNEXPECTED_MESSAGE, "a message that may not come there"},
    {SSL_R_NO_RENEGOTIATION, "the client tried to renegotiate"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record was damaged or forged"},
    {SSL_R_BAD_RECORD_TYPE, "not TLS: the client sent something else"},
};

static const char *known(unsigned long code)
{
    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        return NULL;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].reason == ERR_GET_REASON(code))
            return reasons[i].text;
    return NULL;
}

void gp__tls_error(struct gp__buf *out, const char *what)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    bool missing = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

    gp__buf_append(out, gp_slice_of(what));
    if (reason && !missing)
        gp__buf_printf(out, ": %s", reason);
    ERR_clear_error();
}

void gp__tls_error_of(struct gp__buf *out, const SSL *ssl)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    const char *text = known(code), *other = code ? ERR_reason_error_string(code) : NULL;

    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        gp__buf_printf(out, "the client's certificate: %s",
                       X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
    else if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET)
        gp__buf_printf(out, "the client ended it: %s",
                       SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
    else
        gp__buf_append(out, gp_slice_of(text ? text : other ? other : "the connection broke"));
    ERR_clear_error();
}
