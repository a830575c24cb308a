#include "admin/admin_trial.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_answer.h"
#include "admin/admin_ports.h"
#include "base/text.h"
#include "log/status.h"
#include "net/addr.h"
#include "process/culprit.h"

enum { HEX_SIZE = 2 * SPORE_AUTH_ANSWER_MAX + 1 };

/* ---- the line ---- */

static const char secure_word[] = "secure", insecure_word[] = "insecure", none[] = "-";
static const char hex_digits[] = "0123456789abcdef";

static bool read_security(const char *word, bool *secure_out)
{
	*secure_out = strcmp(word, secure_word) == 0;
	return *secure_out || strcmp(word, insecure_word) == 0;
}

static bool read_port(const char *word, uint16_t *port_out)
{
	char *end;
	unsigned long port = strtoul(word, &end, 10);

	*port_out = (uint16_t)port;
	return end != word && *end == '\0' && port <= UINT16_MAX;
}

static bool read_challenge(const char *word, struct uuid *challenge_out)
{
	*challenge_out = (struct uuid){ { 0 } };
	return strcmp(word, none) == 0 || uuid_parse(word, strlen(word), challenge_out);
}

/* -1: the character is not a hexadecimal digit. */
static int read_digit(char c)
{
	const char *at = c ? strchr(hex_digits, c) : NULL;

	return at ? (int)(at - hex_digits) : -1;
}

static bool read_answer(const char *word, char answer_out[SPORE_AUTH_ANSWER_MAX + 1])
{
	size_t n = strlen(word) / 2;

	answer_out[0] = '\0';
	if (strcmp(word, none) == 0)
		return true;
	if (strlen(word) % 2 || n > SPORE_AUTH_ANSWER_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = read_digit(word[2 * i]), low = read_digit(word[2 * i + 1]);

		if (high < 0 || low < 0 || high + low == 0) /* a NUL would end the answer */
			return false;
		answer_out[i] = (char)(high << 4 | low);
	}
	answer_out[n] = '\0';
	return true;
}

bool admin_trial_read(char *text, struct admin_trial_question *question_out)
{
	static const char blanks[] = " \t\r";
	char *rest = text, *words[5];

	*question_out = (struct admin_trial_question){ .port = 0 };
	for (size_t i = 0; i < 5; i++) {
		words[i] = strtok_r(NULL, blanks, &rest);
		if (!words[i])
			return false;
	}
	return !strtok_r(NULL, blanks, &rest) &&
	       read_security(words[0], &question_out->facts.secure) &&
	       addr_parse(words[1], &question_out->facts.peer) &&
	       read_port(words[2], &question_out->port) &&
	       read_challenge(words[3], &question_out->facts.challenge) &&
	       read_answer(words[4], question_out->answer);
}

bool admin_trial_format(const struct admin_trial_question *question, char out[ADMIN_TRIAL_LINE])
{
	static const struct uuid nothing;
	char peer[ADDR_TEXT_SIZE], challenge[UUID_TEXT_SIZE], hex[HEX_SIZE];
	size_t n = strlen(question->answer);
	int len;

	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = hex_digits[(uint8_t)question->answer[i] >> 4];
		hex[2 * i + 1] = hex_digits[(uint8_t)question->answer[i] & 15];
	}
	hex[2 * n] = '\0';
	uuid_format(&question->facts.challenge, challenge);
	len = snprintf(out, ADMIN_TRIAL_LINE, "auth-test %s %s %u %s %s\n",
	               question->facts.secure ? secure_word : insecure_word,
	               addr_format(&question->facts.peer, peer), question->port,
	               uuid_equal(&question->facts.challenge, &nothing) ? none : challenge,
	               n ? hex : none);
	crypto_wipe(hex, sizeof hex);
	return len > 0 && len < ADMIN_TRIAL_LINE;
}

struct trial_plan admin_trial_plan(const struct admin_trial_question *question,
                                   struct plugin_set *set)
{
	const struct server_settings *settings = &set->config->settings.server;
	struct trial_plan plan = { .set = set,
		                   .facts = question->facts,
		                   .answer = question->answer,
		                   .port = question->port,
		                   .wait_ms = settings->auth_timeout };

	plan.facts.local = *(const spore_addr *)settings->bind_addr.items;
	plan.facts.local.port = (uint16_t)settings->control_port;
	return plan;
}

/* ---- the answers ---- */

void admin_trial_write_challenge(const struct plugin_set *set, bool secure, struct jsonout *json)
{
	struct uuid challenge;
	char text[UUID_TEXT_SIZE];

	if (!set->needs_challenge) {
		jsonout_text(json, "challenge", NULL);
	} else if (stand_in_challenge(set, secure, &challenge)) {
		uuid_format(&challenge, text);
		jsonout_text(json, "challenge", text);
	} else {
		admin_error_write(json, "no random bytes are available", "");
	}
	jsonout_int(json, "limit_ms", set->config->settings.server.auth_timeout);
}

static const struct {
	int32_t verdict;
	const char *name;
} words[] = {
	{ SPORE_ALLOW, "allow" },         { SPORE_DENY, "deny" },
	{ SPORE_NEXT, "next" },           { SPORE_UNBOUND, "unbound" },
	{ TRIAL_NOT_ASKED, "not asked" }, { TRIAL_NO_ANSWER, "no answer" },
};

static void write_verdict(const char *key, int32_t verdict, struct jsonout *json)
{
	char text[STATUS_TEXT_SIZE];

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (words[i].verdict == verdict) {
			jsonout_text(json, key, words[i].name);
			return;
		}
	}
	jsonout_text(json, key, "error");
	jsonout_text(json, "status", status_text(verdict, text));
}

static void write_step(const struct trial_step *step, struct jsonout *json)
{
	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "name", step->name);
	jsonout_text(json, "component", step->component);
	write_verdict("said", step->verdict, json);
	if (step->verdict != TRIAL_NOT_ASKED)
		jsonout_int(json, "took_us", step->took_ns / 1000);
	jsonout_end(json, '}');
}

/* Writes null if the policy has no such limit, which a bit of its fields says. */
static void write_limit(const struct grant *grant, uint32_t field, const char *key, int64_t value,
                        struct jsonout *json)
{
	if (grant && grant->fields & field)
		jsonout_int(json, key, value);
	else
		jsonout_text(json, key, NULL);
}

static void write_use(const struct grant *grant, struct jsonout *json)
{
	static const struct grant nothing = { 0 };
	const struct grant *from = grant ? grant : &nothing;

	write_limit(grant, SPORE_AUTH_F_RATE_UP, "rate_up", (int64_t)from->rate_up, json);
	write_limit(grant, SPORE_AUTH_F_RATE_DOWN, "rate_down", (int64_t)from->rate_down, json);
	write_limit(grant, SPORE_AUTH_F_BYTES_PER_DAY, "bytes_per_day",
	            (int64_t)from->bytes_per_day, json);
	write_limit(grant, SPORE_AUTH_F_BYTES_PER_MONTH, "bytes_per_month",
	            (int64_t)from->bytes_per_month, json);
	write_limit(grant, SPORE_AUTH_F_VISITORS_PER_SECOND, "visitors_per_second",
	            from->visitors_per_second, json);
}

static void write_allowed(const struct grant *grant, const struct config *config,
                          struct jsonout *json)
{
	jsonout_begin(json, "allowed", '{');
	jsonout_text(json, "identity", grant ? grant->identity : "");
	admin_ports_write(grant, config, json);
	write_limit(grant, SPORE_AUTH_F_MAX_TUNNELS, "max_tunnels", grant ? grant->max_tunnels : 0,
	            json);
	write_limit(grant, SPORE_AUTH_F_MAX_CONNS, "max_conns", grant ? grant->max_conns : 0, json);
	write_limit(grant, SPORE_AUTH_F_LIFE, "life_ms", grant ? grant->life_ms : 0, json);
	write_use(grant, json);
	if (grant && *grant->reason)
		jsonout_text(json, "reason", grant->reason);
	jsonout_end(json, '}');
}

void admin_trial_write(const struct trial_report *report, const struct config *config,
                       struct jsonout *json)
{
	char culprit[CULPRIT_TEXT_SIZE];

	if (report->hangs) {
		admin_error_write(json,
		                  "the test was given up after the time of server.auth_timeout: ",
		                  culprit_describe(culprit));
		return;
	}
	if (!admin_ports_refuse(report, config, json))
		write_verdict("verdict", report->verdict, json);
	jsonout_text(json, "by", report->by);
	jsonout_bool(json, "last_good", report->is_last_good);
	jsonout_int(json, "took_us", report->took_ns / 1000);
	jsonout_int(json, "limit_ms", config->settings.server.auth_timeout);
	jsonout_begin(json, "instances", '[');
	for (size_t i = 0; i < report->n_steps; i++)
		write_step(&report->steps[i], json);
	jsonout_end(json, ']');
	if (report->verdict == SPORE_ALLOW)
		write_allowed(report->grant, config, json);
}
