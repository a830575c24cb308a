#include "admin/admin_ports.h"

#include <stdlib.h>
#include <string.h>

#include "admin/admin_answer.h"
#include "capture.h"
#include "config/config.h"
#include "suite.h"

static const spore_port_range ports_of_server[] = { { 20000, 20010 }, { 21000, 21000 } };

static struct config config;

/* has_list: "ports" sets the range, and not min_port and max_port. */
static void set_config(bool has_list)
{
	spore_list ports = { ports_of_server, 2, sizeof *ports_of_server };

	config = (struct config){ .settings.server.control_port = 7835 };
	config.settings.server.public_ports = ports;
	if (has_list)
		config.settings.server.ports = ports;
}

static char *write_allowed_ports(const struct grant *grant)
{
	struct admin_answer answer;

	set_config(true);
	admin_answer_begin(&answer);
	admin_ports_write(grant, &config, &answer.json);
	return admin_answer_end(&answer);
}

static void check_ports(const struct grant *grant, const char *expected)
{
	char *text = write_allowed_ports(grant), wanted[64];

	snprintf(wanted, sizeof wanted, "\"ports\": \"%s\"", expected);
	ck_assert_contains(text, wanted);
	free(text);
}

START_TEST(the_ports_are_those_that_the_server_has)
{
	spore_port_range ports[] = { { 1, 20001 }, { 20010, 40000 } };
	struct grant grant = { .ports = ports };

	check_ports(NULL, "20000-20010,21000");
	check_ports(&grant, "20000-20010,21000");
	grant.fields = SPORE_AUTH_F_PORTS;
	check_ports(&grant, "none");
	grant.n_ports = 2;
	check_ports(&grant, "20000-20001,20010,21000");
}
END_TEST

START_TEST(many_ports_are_cut)
{
	spore_port_range ports[400];
	struct grant grant = { .fields = SPORE_AUTH_F_PORTS, .ports = ports, .n_ports = 400 };
	char *text;

	for (size_t i = 0; i < 400; i++)
		ports[i] = (spore_port_range){ 20000, 20001 };
	text = write_allowed_ports(&grant);
	ck_assert_contains(text, ",20000-20001,...\"");
	free(text);
}
END_TEST

/* Wherever the room ends. */
START_TEST(cut_ports_fit_at_each_offset)
{
	spore_port_range ports[64];
	struct grant grant = { .fields = SPORE_AUTH_F_PORTS, .ports = ports, .n_ports = 64 };

	for (size_t single = 0; single < 12; single++) {
		char *text;

		for (size_t i = 0; i < 64; i++)
			ports[i] = i < single ? (spore_port_range){ 20000, 20000 }
			                      : (spore_port_range){ 20000, 20001 };
		text = write_allowed_ports(&grant);
		ck_assert_contains(text, ",20000-20001,...\"");
		free(text);
	}
}
END_TEST

/* ---- refusals ---- */

/* What is written, or NULL. */
static char *refuse(const struct trial_report *report, bool has_list)
{
	struct admin_answer answer;
	bool is_refused;
	char *text;

	set_config(has_list);
	admin_answer_begin(&answer);
	is_refused = admin_ports_refuse(report, &config, &answer.json);
	text = admin_answer_end(&answer);
	if (is_refused)
		return text;
	free(text);
	return NULL;
}

static void check_refusal(const struct trial_report *report, const char *verdict,
                          const char *status)
{
	char *text = refuse(report, true);

	ck_assert_ptr_nonnull(text);
	ck_assert_contains(text, verdict);
	ck_assert_contains(text, status);
	free(text);
}

START_TEST(a_port_is_refused_as_by_the_server)
{
	spore_port_range ports[] = { { 20005, 20200 } };
	struct grant grant = { .fields = SPORE_AUTH_F_PORTS, .ports = ports, .n_ports = 1 };
	struct trial_report report = { .verdict = SPORE_ALLOW, .by = "people", .grant = &grant };

	ck_assert_ptr_null(refuse(&report, true));
	report.port = 20005;
	ck_assert_ptr_null(refuse(&report, true));
	report.port = 20004;
	check_refusal(&report, "\"verdict\": \"port_not_allowed\"",
	              "\"client port number not in allowed range: port 20004: the policy of people "
	              "allows the ports 20005-20200 (ports)\"");
	report.port = 20100;
	check_refusal(&report, "\"port_not_allowed\"",
	              "port 20100: the server has the public ports 20000-20010,21000 "
	              "(server.ports)\"");
	report.port = 7835;
	check_refusal(&report, "\"port_not_allowed\"", "port 7835: it is the control port\"");
	report.verdict = SPORE_DENY;
	ck_assert_ptr_null(refuse(&report, true));
}
END_TEST

START_TEST(the_range_of_the_server_has_its_keys)
{
	struct trial_report report = { .verdict = SPORE_ALLOW, .port = 1 };
	char *text = refuse(&report, false);

	ck_assert_contains(text, "(server.min_port, server.max_port)\"");
	free(text);
}
END_TEST

START_TEST(a_policy_that_allows_no_tunnel_refuses)
{
	spore_port_range ports[] = { { 30000, 30001 } };
	struct grant grant = { .fields = SPORE_AUTH_F_PORTS, .ports = ports, .n_ports = 1 };
	struct trial_report report = { .verdict = SPORE_ALLOW, .by = "people", .grant = &grant };

	check_refusal(&report, "\"no_port_left\"",
	              "\"failed to find an available port: the policy of people allows the ports "
	              "30000-30001 (ports); the server has the public ports 20000-20010,21000 "
	              "(server.ports)\"");
	grant.fields = SPORE_AUTH_F_MAX_TUNNELS;
	check_refusal(&report, "\"too_many_tunnels\"",
	              "the policy of people allows no tunnel (max_tunnels)");
	grant.max_tunnels = 1;
	ck_assert_ptr_null(refuse(&report, true));
}
END_TEST

SUITE("admin_ports", the_ports_are_those_that_the_server_has, many_ports_are_cut,
      cut_ports_fit_at_each_offset, a_port_is_refused_as_by_the_server,
      the_range_of_the_server_has_its_keys, a_policy_that_allows_no_tunnel_refuses)
