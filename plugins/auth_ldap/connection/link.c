#include "link.h"

#include <fcntl.h>
#include <openldap.h>
#include <poll.h>
#include <sys/time.h>
#include <unistd.h>

#include "dial.h"
#include "sieve.h"

static struct timeval time_until(int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms - dial_now_ms();

	if (left_ms < 1)
		left_ms = 1;
	return (struct timeval){ left_ms / 1000, left_ms % 1000 * 1000 };
}

/* ---- open and close ---- */

static bool set_int(LDAP *link, int option, int value)
{
	return ldap_set_option(link, option, &value) == LDAP_OPT_SUCCESS;
}

/* Only these authorities count, and none of a folder. */
static bool set_authorities(LDAP *link, const char *file)
{
	return ldap_set_option(link, LDAP_OPT_X_TLS_CACERTDIR, NULL) == LDAP_OPT_SUCCESS &&
	       ldap_set_option(link, LDAP_OPT_X_TLS_CACERTFILE, file) == LDAP_OPT_SUCCESS;
}

/* Sets all options of security, so that libldap's files and the environment do not decide. Without
 * "cacertfile" they name the authorities. */
static bool set_options(LDAP *link, const struct settings *settings)
{
	const char *file = settings->conf->cacertfile;
	bool good = set_int(link, LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3) &&
	            set_int(link, LDAP_OPT_DEREF, LDAP_DEREF_NEVER) &&
	            ldap_set_option(link, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
	            ldap_set_option(link, LDAP_OPT_RESTART, LDAP_OPT_ON) == LDAP_OPT_SUCCESS;

	if (!good || (file && !set_authorities(link, file)))
		return false;
	return set_int(link, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND) &&
	       set_int(link, LDAP_OPT_X_TLS_PROTOCOL_MIN, LDAP_OPT_X_TLS_PROTOCOL_TLS1_2);
}

bool link_prepare(const struct settings *settings)
{
	LDAP *link = NULL;
	bool good;

	if (ldap_initialize(&link, NULL) != LDAP_SUCCESS)
		return false;
	good = set_options(link, settings) &&
	       (!settings->has_tls || set_int(link, LDAP_OPT_X_TLS_NEWCTX, 0));
	ldap_unbind_ext(link, NULL, NULL);
	return good;
}

/* Otherwise libldap would take memory for a message of any size that the directory announces. */
static bool limit_incoming(LDAP *link)
{
	ber_len_t most = SIEVE_MESSAGE_MAX;
	Sockbuf *buffer = NULL;

	return ldap_get_option(link, LDAP_OPT_SOCKBUF, &buffer) == LDAP_OPT_SUCCESS && buffer &&
	       ber_sockbuf_ctrl(buffer, LBER_SB_OPT_SET_MAX_INCOMING, &most) == 1;
}

/* What libldap knows of the last failure besides its code. The caller frees it with
 * ldap_memfree(). */
static char *read_diagnosis(LDAP *link)
{
	char *text = NULL;

	ldap_get_option(link, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
	return text;
}

static bool set_fault(struct fault *fault, LDAP *link, const char *doing, int code)
{
	char *text = read_diagnosis(link);
	enum ask_result result = code == LDAP_TIMEOUT     ? ASK_TIMEOUT
	                         : code == LDAP_NO_MEMORY ? ASK_NO_MEMORY
	                         : LDAP_API_ERROR(code)   ? ASK_BROKEN
	                                                  : ASK_ERROR;

	fault_set(fault, result, "%s: %s%s%.200s", doing,
	          code == LDAP_SERVER_DOWN ? "the connection has ended" : ldap_err2string(code),
	          text && *text ? ": " : "", text ? text : "");
	ldap_memfree(text);
	return false;
}

/* Waits for the result of an operation that was sent. Returns an LDAP code. */
static int await_result(LDAP *link, int number, int64_t deadline_ms, LDAPMessage **out)
{
	struct timeval time = time_until(deadline_ms);
	int type = ldap_result(link, number, LDAP_MSG_ALL, &time, out), code;

	if (type > 0)
		return LDAP_SUCCESS;
	if (type == 0) {
		ldap_abandon_ext(link, number, NULL, NULL);
		return LDAP_TIMEOUT;
	}
	if (ldap_get_option(link, LDAP_OPT_RESULT_CODE, &code) != LDAP_OPT_SUCCESS)
		return LDAP_OTHER;
	return code == LDAP_SUCCESS ? LDAP_SERVER_DOWN : code;
}

/* Returns the code of a result. The caller frees its text with ldap_memfree(). */
static int read_result(LDAP *link, LDAPMessage *result, char **text_out)
{
	int code = LDAP_OTHER, status;

	*text_out = NULL;
	status = ldap_parse_result(link, result, &code, NULL, text_out, NULL, NULL, 0);
	return status == LDAP_SUCCESS ? code : status;
}

static bool begin_starttls(LDAP *link, int64_t deadline_ms, struct fault *fault)
{
	LDAPMessage *result = NULL;
	char *text = NULL;
	int number, code = ldap_start_tls(link, NULL, NULL, &number);

	if (code == LDAP_SUCCESS)
		code = await_result(link, number, deadline_ms, &result);
	if (code == LDAP_SUCCESS)
		code = read_result(link, result, &text);
	ldap_msgfree(result);
	if (code != LDAP_SUCCESS)
		fault_set(fault, code == LDAP_TIMEOUT ? ASK_TIMEOUT : ASK_UNTRUSTED,
		          "it does not begin TLS: %s%s%.200s", ldap_err2string(code),
		          text ? ": " : "", text ? text : "");
	ldap_memfree(text);
	return code == LDAP_SUCCESS;
}

/* libldap keeps to its time-out for the handshake only if the connection is "asynchronous" and the
 * socket does not block. Returns an LDAP code. */
static int shake_hands(LDAP *link, int64_t deadline_ms)
{
	struct timeval time = time_until(deadline_ms);
	int fd = -1, code;

	if (ldap_set_option(link, LDAP_OPT_NETWORK_TIMEOUT, &time) != LDAP_OPT_SUCCESS ||
	    ldap_get_option(link, LDAP_OPT_DESC, &fd) != LDAP_OPT_SUCCESS ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		return LDAP_LOCAL_ERROR;
	ldap_set_option(link, LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_ON);
	code = ldap_install_tls(link);
	ldap_set_option(link, LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_OFF);
	return code == LDAP_SUCCESS && fcntl(fd, F_SETFL, 0) != 0 ? LDAP_LOCAL_ERROR : code;
}

/* Nothing is sent before the certificate has been verified, but the request for StartTLS. */
static bool begin_tls(LDAP *link, const struct settings *settings, const struct place *place,
                      int64_t deadline_ms, struct fault *fault)
{
	char *text;
	int code;

	if (!place->is_ldaps && !settings->conf->starttls)
		return true;
	if (!place->is_ldaps && !begin_starttls(link, deadline_ms, fault))
		return false;
	if (!set_int(link, LDAP_OPT_X_TLS_NEWCTX, 0))
		return fault_set(fault, ASK_UNTRUSTED,
		                 "libldap cannot use the authorities (cacertfile)");
	code = shake_hands(link, deadline_ms);
	if (code == LDAP_SUCCESS)
		return true;
	text = read_diagnosis(link);
	if (code == LDAP_TIMEOUT)
		fault_set(fault, ASK_TIMEOUT, "%.200s: no TLS in time", place->url);
	else
		fault_set(fault, ASK_UNTRUSTED,
		          "%.200s: no TLS, or its certificate does not prove that name: %s: %.100s",
		          place->url, ldap_err2string(code), text ? text : "");
	ldap_memfree(text);
	return false;
}

LDAP *link_adopt(const struct settings *settings, const struct place *place, int fd,
                 struct fault *fault)
{
	LDAP *link = NULL;

	if (ldap_init_fd(fd, place->is_unix ? LDAP_PROTO_IPC : LDAP_PROTO_TCP, place->url, &link) !=
	    LDAP_SUCCESS) {
		close(fd);
		fault_set(fault, ASK_NO_MEMORY, "libldap cannot use a connection");
		return NULL;
	}
	if (limit_incoming(link) && sieve_insert(link) && set_options(link, settings))
		return link;
	fault_set(fault, ASK_UNTRUSTED, "libldap lacks an option, or memory");
	link_close(link);
	return NULL;
}

LDAP *link_open(const struct settings *settings, const struct place *place, int64_t deadline_ms,
                struct fault *fault)
{
	int fd = dial(place, deadline_ms, settings->conf->timeout, fault);
	LDAP *link = fd >= 0 ? link_adopt(settings, place, fd, fault) : NULL;

	if (!link || begin_tls(link, settings, place, deadline_ms, fault))
		return link;
	link_close(link);
	return NULL;
}

void link_close(LDAP *link)
{
	if (link)
		ldap_unbind_ext(link, NULL, NULL);
}

bool link_is_quiet(LDAP *link)
{
	struct pollfd readable = { .fd = -1, .events = POLLIN };

	return ldap_get_option(link, LDAP_OPT_DESC, &readable.fd) == LDAP_OPT_SUCCESS &&
	       readable.fd >= 0 && poll(&readable, 1, 0) == 0;
}

/* ---- bind ---- */

/* True: the code says something of this DN and password, and not of the directory's state. */
static bool is_refusal(int code)
{
	static const int codes[] = {
		LDAP_INVALID_CREDENTIALS,  LDAP_NO_SUCH_OBJECT,
		LDAP_INVALID_DN_SYNTAX,    LDAP_INAPPROPRIATE_AUTH,
		LDAP_INSUFFICIENT_ACCESS,  LDAP_UNWILLING_TO_PERFORM,
		LDAP_CONSTRAINT_VIOLATION, LDAP_REFERRAL,
	};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		if (code == codes[i])
			return true;
	}
	return false;
}

/* `code`: whether there is a result at all. */
static enum link_says judge_bind(LDAP *link, int code, LDAPMessage *result, struct fault *fault)
{
	enum link_says says;
	char *text;

	if (code != LDAP_SUCCESS) {
		set_fault(fault, link, "bind", code);
		return LINK_FAILED;
	}
	code = read_result(link, result, &text);
	says = code == LDAP_SUCCESS ? LINK_RIGHT : is_refusal(code) ? LINK_WRONG : LINK_FAILED;
	if (says == LINK_WRONG)
		snprintf(fault->text, sizeof fault->text, "%s%s%.200s", ldap_err2string(code),
		         text && *text ? ": " : "", text ? text : "");
	else if (says == LINK_FAILED)
		fault_set(fault, ASK_ERROR, "bind: %s%s%.200s", ldap_err2string(code),
		          text && *text ? ": " : "", text ? text : "");
	ldap_memfree(text);
	return says;
}

enum link_says link_bind(LDAP *link, const char *dn, spore_str password, int64_t deadline_ms,
                         struct fault *fault)
{
	struct berval secret = { password.len, (char *)password.ptr };
	LDAPMessage *result = NULL;
	enum link_says says;
	int number, code;

	*fault = (struct fault){ 0 };
	if (password.len == 0 || !*dn) {
		snprintf(fault->text, sizeof fault->text, "the name or the password is empty");
		return LINK_WRONG;
	}
	code = ldap_sasl_bind(link, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, &number);
	if (code == LDAP_SUCCESS)
		code = await_result(link, number, deadline_ms, &result);
	says = judge_bind(link, code, result, fault);
	ldap_msgfree(result);
	return says;
}

/* ---- search ---- */

int link_send(LDAP *link, const struct link_search *search, int64_t deadline_ms,
              struct fault *fault)
{
	struct timeval time = time_until(deadline_ms);
	int number = -1, code;

	/* LDAP sends this time in whole seconds, so it is rounded up. */
	time = (struct timeval){ time.tv_sec + 1, 0 };
	code = ldap_search_ext(link, search->base,
	                       search->is_base_only ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE,
	                       search->filter, (char **)search->wanted, 0, NULL, NULL, &time,
	                       search->most, &number);
	if (code == LDAP_SUCCESS)
		return number;
	if (code == LDAP_FILTER_ERROR)
		fault_set(fault, ASK_ERROR, "libldap does not understand the filter %.200s",
		          search->filter);
	else
		set_fault(fault, link, "search", code);
	return -1;
}

/* The end that a code of a search stands for. False: the code is a failure. */
static bool read_end(int code, bool has_entries, enum link_end *end_out)
{
	static const struct {
		int code;
		enum link_end end;
	} rows[] = {
		{ LDAP_SUCCESS, LINK_ALL },
		{ LDAP_NO_SUCH_OBJECT, LINK_NO_BASE },
		{ LDAP_INVALID_DN_SYNTAX, LINK_NO_BASE },
		{ LDAP_REFERRAL, LINK_ELSEWHERE },
		{ LDAP_INSUFFICIENT_ACCESS, LINK_FORBIDDEN },
		{ LDAP_SIZELIMIT_EXCEEDED, LINK_CUT },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].code != code)
			continue;
		*end_out = rows[i].end;
		return rows[i].end != LINK_CUT || has_entries;
	}
	return false;
}

static bool judge_search(LDAP *link, LDAPMessage *result, struct link_found *found,
                         struct fault *fault)
{
	char *text = NULL;
	int code = read_result(link, result, &text);
	bool has_entries = ldap_count_entries(link, result) > 0;
	bool good = read_end(code, has_entries, &found->end);

	if (!good)
		fault_set(fault, ASK_ERROR, "search: %s%s%.200s", ldap_err2string(code),
		          text && *text ? ": " : "", text ? text : "");
	else if (found->end != LINK_ALL)
		snprintf(fault->text, sizeof fault->text, "%s%s%.200s", ldap_err2string(code),
		         text && *text ? ": " : "", text ? text : "");
	ldap_memfree(text);
	if (good && has_entries)
		found->entries = result;
	else
		ldap_msgfree(result);
	return good;
}

bool link_await(LDAP *link, int number, int64_t deadline_ms, struct link_found *found_out,
                struct fault *fault)
{
	LDAPMessage *result = NULL;
	int code = await_result(link, number, deadline_ms, &result);

	*found_out = (struct link_found){ LINK_ALL, NULL };
	if (code == LDAP_SUCCESS)
		return judge_search(link, result, found_out, fault);
	ldap_msgfree(result);
	return set_fault(fault, link, "search", code);
}
