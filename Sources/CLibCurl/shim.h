#pragma once

#include <curl/curl.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

// Why this file exists: curl_easy_setopt, curl_multi_setopt and curl_easy_getinfo take variable arguments, and
// Swift imports neither such functions nor the macros that guard them. Each option in use has one typed function,
// named by what it is for, so that Swift never sees an option's number and cannot pass a value of the wrong size.

#if LIBCURL_VERSION_NUM < 0x074A00
#error "libcurl 7.74.0 or later is needed"
#endif

#pragma clang assume_nonnull begin

typedef size_t (*levqor_curl_data_callback)(char *data, size_t size, size_t count, void *_Nullable context);
typedef curl_socket_t (*levqor_curl_open_callback)(
    void *_Nullable context, curlsocktype purpose, struct curl_sockaddr *address);
typedef int (*levqor_curl_close_callback)(void *_Nullable context, curl_socket_t socket);

// ---- the library and the thread -------------------------------------------------------------------------------

/// CURL_GLOBAL_DEFAULT is a macro that Swift cannot import.
static inline CURLcode levqor_curl_start_library(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT);
}

/// With CURLOPT_NOSIGNAL libcurl leaves SIGPIPE alone, and OpenSSL's own writes may raise it in older versions.
/// The signal goes to the thread that wrote, so blocking it there keeps a closed peer from ending the process.
static inline int levqor_curl_block_sigpipe_on_this_thread(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    return pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

// ---- the URL --------------------------------------------------------------------------------------------------

/// Parses the URL once, with libcurl's own parser: what is checked is what is used. A user name is refused, and dot
/// segments stay as they are, so that the request's target is the one that was given.
static inline CURLUcode levqor_curl_parse_url(CURLU *parsed, const char *url)
{
    return curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);
}

/// Hands over the parsed URL itself (no second parse of the text). It must outlive the transfer.
static inline CURLcode levqor_curl_use_url(CURL *handle, CURLU *parsed)
{
    return curl_easy_setopt(handle, CURLOPT_CURLU, parsed);
}

/// The second lock behind the parser's flag: no credentials out of a URL.
static inline CURLcode levqor_curl_refuse_user_in_url(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
}

/// libcurl also speaks gopher, file, smb and more, each a way around the guard. The text form came with 7.85.0, which
/// marked the bit mask as deprecated.
static inline CURLcode levqor_curl_speak_http_only(CURL *handle)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

// ---- what is never done ---------------------------------------------------------------------------------------

/// A redirect is an answer to report; following it would send signed bytes to a place nobody chose.
static inline CURLcode levqor_curl_never_follow_redirects(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
}

/// An empty proxy switches off http_proxy and its relatives in the environment: through a proxy the address that is
/// judged would be the proxy's own.
static inline CURLcode levqor_curl_use_no_proxy(CURL *handle)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_PROXY, "");
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
}

/// A .netrc of the user who runs the server must not add credentials.
static inline CURLcode levqor_curl_ignore_netrc(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
}

/// Signals (SIGALRM) belong to the process, not to a library on one of its threads.
static inline CURLcode levqor_curl_use_no_signals(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
}

/// HTTP/0.9 has no status: any listener that prints something would look like a success.
static inline CURLcode levqor_curl_refuse_http09(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_HTTP09_ALLOWED, 0L);
}

/// Dropping a transfer whose name is still being resolved would otherwise wait for the resolver's thread, and with it
/// every other transfer: one dead name server would stop all. Since 7.87.0 the resolver may be left to end alone;
/// older versions wait.
static inline CURLcode levqor_curl_never_wait_for_resolver(CURL *handle)
{
#if LIBCURL_VERSION_NUM >= 0x075700
    return curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)handle;
    return CURLE_OK;
#endif
}

// ---- addresses and connections --------------------------------------------------------------------------------

/// The callback sees the address really connected to, after the name was resolved, and may refuse it. It is the one
/// place that no spelling of a host and no second answer of a name server gets around.
static inline CURLcode levqor_curl_judge_addresses(CURL *handle, levqor_curl_open_callback callback, void *context)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, callback);
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, context);
}

/// The address lies in a larger allocation than `struct sockaddr`: Swift's copy of the member would cut it off.
static inline const struct sockaddr *levqor_curl_socket_address(const struct curl_sockaddr *address)
{
    return &address->addr;
}

/// Opens the socket that libcurl asked for. Close-on-exec, so that no child process keeps a connection open.
static inline curl_socket_t levqor_curl_open_socket(const struct curl_sockaddr *address)
{
    curl_socket_t opened = socket(address->family, address->socktype, address->protocol);
    if (opened != CURL_SOCKET_BAD) {
        (void)fcntl(opened, F_SETFD, FD_CLOEXEC);
    }
    return opened;
}

/// Tells of every socket that a connection of this handle opens, and of its end. A connection may outlive the handle.
static inline CURLcode levqor_curl_watch_sockets(
    CURL *handle, levqor_curl_open_callback open, levqor_curl_close_callback close, void *context)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open);
    if (code == CURLE_OK) {
        code = curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, context);
    }
    if (code == CURLE_OK) {
        code = curl_easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, close);
    }
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_CLOSESOCKETDATA, context);
}

/// Closes a socket that libcurl has done with.
static inline int levqor_curl_close_socket(curl_socket_t socket)
{
    return close(socket);
}

/// CURL_SOCKET_BAD is a macro with a cast.
static inline curl_socket_t levqor_curl_no_socket(void)
{
    return CURL_SOCKET_BAD;
}

/// A connection of its own, closed after use and never shared while in use (HTTP/1.1 has one request at a time): what
/// a looser rule let through must not be found in the pool by a transfer with a stricter one.
static inline CURLcode levqor_curl_use_private_connection(CURL *handle)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
    if (code == CURLE_OK) {
        code = curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    }
    return code != CURLE_OK ? code
                            : curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

/// HTTP/2 where TLS agrees on it (ALPN), HTTP/1.1 elsewhere.
static inline CURLcode levqor_curl_prefer_http2_over_tls(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
}

// ---- TLS ------------------------------------------------------------------------------------------------------

/// Certificate and host name are checked, TLS 1.2 is the floor. The first two are the defaults, written down because
/// nothing else holds if they are off.
static inline CURLcode levqor_curl_verify_tls(CURL *handle)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    if (code == CURLE_OK) {
        code = curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    }
    return code != CURLE_OK ? code
                            : curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

/// Trusts the authorities of one file and no others. The directory is switched off too: Debian compiles one in, and
/// with it the system's authorities would stay trusted.
static inline CURLcode levqor_curl_trust_only(CURL *handle, const char *file)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_CAINFO, file);
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
}

// ---- the request ----------------------------------------------------------------------------------------------

static inline CURLcode levqor_curl_send_get(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
}

/// HEAD needs an option of its own, or libcurl would wait for a body that never comes.
static inline CURLcode levqor_curl_send_head(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
}

/// Copies the body, so that no pointer into Swift's memory outlives the call. The size comes first: without it libcurl
/// would look for a NUL.
static inline CURLcode levqor_curl_send_body(CURL *handle, const void *body, size_t size)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_POST, 1L);
    if (code == CURLE_OK) {
        code = curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    }
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, body);
}

/// Only the word in the request line; how the body is sent is decided by the functions above.
static inline CURLcode levqor_curl_name_method(CURL *handle, const char *method)
{
    return curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
}

/// The list must outlive the transfer.
static inline CURLcode levqor_curl_send_headers(CURL *handle, struct curl_slist *headers)
{
    return curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
}

static inline CURLcode levqor_curl_send_user_agent(CURL *handle, const char *agent)
{
    return curl_easy_setopt(handle, CURLOPT_USERAGENT, agent);
}

// ---- a mail ---------------------------------------------------------------------------------------------------

/// As levqor_curl_speak_http_only, for the one other thing that is sent.
static inline CURLcode levqor_curl_speak_mail_only(CURL *handle)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#else
    return curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_SMTP | CURLPROTO_SMTPS));
#endif
}

/// The server's URL, which is the operator's own setting. libcurl copies it.
static inline CURLcode levqor_curl_use_mail_url(CURL *handle, const char *url)
{
    return curl_easy_setopt(handle, CURLOPT_URL, url);
}

/// TLS from the first byte or by STARTTLS before the login, whichever the URL's scheme says; without it, nothing is
/// sent.
static inline CURLcode levqor_curl_require_tls(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
}

/// Not even where the server offers it: its certificate would then have to hold.
static inline CURLcode levqor_curl_use_no_tls(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_USE_SSL, (long)CURLUSESSL_NONE);
}

/// libcurl picks the mechanism out of those that the server offers. It copies both texts.
static inline CURLcode levqor_curl_log_in(CURL *handle, const char *user, const char *password)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_USERNAME, user);
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_PASSWORD, password);
}

/// The envelope's sender. libcurl copies it.
static inline CURLcode levqor_curl_send_mail_from(CURL *handle, const char *address)
{
    return curl_easy_setopt(handle, CURLOPT_MAIL_FROM, address);
}

/// The list must outlive the transfer.
static inline CURLcode levqor_curl_send_mail_to(CURL *handle, struct curl_slist *addresses)
{
    return curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, addresses);
}

/// The size is told to servers that want to know it before the content comes (RFC 1870).
static inline CURLcode levqor_curl_upload(
    CURL *handle, size_t size, levqor_curl_data_callback callback, void *context)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    if (code == CURLE_OK) {
        code = curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
    }
    if (code == CURLE_OK) {
        code = curl_easy_setopt(handle, CURLOPT_READFUNCTION, callback);
    }
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_READDATA, context);
}

/// How long a reply may take, the one to the goodbye included, which libcurl waits for even after the total time.
/// The option had another name before 7.85.0, and the same number.
static inline CURLcode levqor_curl_limit_reply_time(CURL *handle, long seconds)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(handle, CURLOPT_SERVER_RESPONSE_TIMEOUT, seconds);
#else
    return curl_easy_setopt(handle, CURLOPT_FTP_RESPONSE_TIMEOUT, seconds);
#endif
}

// ---- the answer -----------------------------------------------------------------------------------------------

static inline CURLcode levqor_curl_receive_headers(CURL *handle, levqor_curl_data_callback callback, void *context)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, callback);
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_HEADERDATA, context);
}

static inline CURLcode levqor_curl_receive_body(CURL *handle, levqor_curl_data_callback callback, void *context)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, callback);
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_WRITEDATA, context);
}

/// The buffer (CURL_ERROR_SIZE bytes) must outlive the handle.
static inline CURLcode levqor_curl_explain_errors_in(CURL *handle, char *buffer)
{
    return curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, buffer);
}

/// Zero would mean libcurl's own default (300 s to connect, no end at all in total), so the caller passes at least 1.
static inline CURLcode levqor_curl_limit_time(CURL *handle, long connect_ms, long total_ms)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, total_ms);
}

// ---- what happened --------------------------------------------------------------------------------------------

static inline long levqor_curl_status(CURL *handle)
{
    long status = 0;
    (void)curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/// The text belongs to the handle: copy it before the handle goes.
static inline const char *_Nullable levqor_curl_remote_ip(CURL *handle)
{
    char *ip = NULL;
    (void)curl_easy_getinfo(handle, CURLINFO_PRIMARY_IP, &ip);
    return ip;
}

static inline long levqor_curl_remote_port(CURL *handle)
{
    long port = 0;
    (void)curl_easy_getinfo(handle, CURLINFO_PRIMARY_PORT, &port);
    return port;
}

static inline long long levqor_curl_microseconds(CURL *handle, CURLINFO info)
{
    curl_off_t microseconds = 0;
    (void)curl_easy_getinfo(handle, info, &microseconds);
    return (long long)microseconds;
}

static inline long long levqor_curl_name_lookup_us(CURL *handle)
{
    return levqor_curl_microseconds(handle, CURLINFO_NAMELOOKUP_TIME_T);
}

static inline long long levqor_curl_connect_us(CURL *handle)
{
    return levqor_curl_microseconds(handle, CURLINFO_CONNECT_TIME_T);
}

static inline long long levqor_curl_tls_us(CURL *handle)
{
    return levqor_curl_microseconds(handle, CURLINFO_APPCONNECT_TIME_T);
}

static inline long long levqor_curl_first_byte_us(CURL *handle)
{
    return levqor_curl_microseconds(handle, CURLINFO_STARTTRANSFER_TIME_T);
}

static inline long long levqor_curl_total_us(CURL *handle)
{
    return levqor_curl_microseconds(handle, CURLINFO_TOTAL_TIME_T);
}

// ---- many transfers -------------------------------------------------------------------------------------------

/// Bounds the sockets: idle ones kept for re-use, and all together.
static inline CURLMcode levqor_curl_limit_connections(CURLM *multi, long idle, long total)
{
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, idle);
    return code != CURLM_OK ? code : curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, total);
}

/// The next finished transfer, or NULL; its result is read here because CURLMsg holds a union.
static inline CURL *_Nullable levqor_curl_next_finished(CURLM *multi, CURLcode *result)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
    return NULL;
}

#pragma clang assume_nonnull end
