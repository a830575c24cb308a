#include "clients.h"

#include <stdlib.h>

#include "mistakes.h"
#include "suite.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

enum { MAX_CLIENTS = 3 };

static struct client table[MAX_CLIENTS];
static const char *identities[MAX_CLIENTS];
static spore_map map;
static struct clients clients;

static struct client *add(const char *identity)
{
	identities[map.count] = identity;
	table[map.count] = (struct client){ .subject = NULL };
	return &table[map.count++];
}

static void begin(void)
{
	map = (spore_map){ identities, table, 0, sizeof *table };
	mistakes_clear();
}

static int run(void)
{
	const spore_create_args args = { .struct_size = sizeof args, .report = mistakes_report };

	return clients_init(&clients, &map, &args);
}

/* One client with these options; its mistake. */
static void check(const char *subject, const char *san, const char *sha256, const char *mistake)
{
	struct client *client;

	begin();
	client = add("a/b");
	*client = (struct client){ .subject = subject, .san = san, .sha256 = sha256 };
	ck_assert_int_eq(run(), mistake == NULL);
	if (mistake)
		mistakes_expect(mistake);
	mistakes_expect_none();
	clients_fini(&clients);
}

/* One client with this identity; false: it is a mistake. */
static int is_accepted(const char *identity)
{
	int good;

	begin();
	add(identity)->san = "alice";
	good = run();
	if (!good)
		mistakes_expect("/clients/");
	mistakes_expect_none();
	clients_fini(&clients);
	return good;
}

START_TEST(an_identity_is_one_that_the_host_accepts)
{
	char text[257];

	memset(text, 'x', sizeof text);
	text[256] = '\0';
	ck_assert(!is_accepted(text));
	text[255] = '\0';
	ck_assert(is_accepted(text));
	ck_assert(is_accepted("\xC3\xA4 \"{}'\xC2\xA0"));
	ck_assert(!is_accepted("a\nb") && !is_accepted("\x7F") && !is_accepted("\xC2\x85"));
	ck_assert(!is_accepted("a\xEF\xBB\xBF"));
}
END_TEST

/* Two clients with these names and subjects; the mistake. */
static void check_two(const char *san, const char *subject, const char *other_san,
                      const char *other_subject, const char *mistake)
{
	begin();
	*add("a") = (struct client){ .san = san, .subject = subject };
	*add("b") = (struct client){ .san = other_san, .subject = other_subject };
	ck_assert_int_eq(run(), mistake == NULL);
	if (mistake)
		mistakes_expect(mistake);
	mistakes_expect_none();
	clients_fini(&clients);
}

START_TEST(a_client_behind_one_that_fits_too)
{
	static const char mistake[] = "/clients/b: expected a certificate that /clients/a in front "
				      "of it does not fit, too: the first client that fits counts";

	check_two("x.example", NULL, "x.example", NULL, mistake);
	check_two("x.example", NULL, "x.example", "CN=b", mistake);
	check_two("x.example", "CN=a", "x.example", "CN=b", NULL);
	check_two("x.example", "CN=a", "x.example", NULL, NULL);
	check_two("x.example", NULL, "y.example", NULL, NULL);
	check_two("x.example", NULL, NULL, "CN=b", NULL);
}
END_TEST

START_TEST(the_same_fingerprint_twice)
{
	begin();
	add("a")->sha256 = DIGEST;
	add("b")->sha256 = "sha256:" DIGEST;
	ck_assert(!run());
	mistakes_expect("/clients/b: expected a certificate that /clients/a");
	mistakes_expect_none();
	clients_fini(&clients);
}
END_TEST

START_TEST(what_identifies_a_client)
{
	check(NULL, NULL, NULL, "/clients/a~1b: expected subject, san or sha256");
	check("CN=alice,O=Acme", NULL, NULL, NULL);
	check("CN=alice\\, the first,O=Acme", NULL, NULL, NULL);
	check("CN = alice", NULL, NULL, "/clients/a~1b/subject: expected the subject as");
	check("CN=alice, O=Acme", NULL, NULL, "/clients/a~1b/subject: ");
	check("/O=Acme/CN=alice", NULL, NULL, "/clients/a~1b/subject: ");
	check("alice", NULL, NULL, "/clients/a~1b/subject: ");
	check("=alice", NULL, NULL, "/clients/a~1b/subject: ");
	check(NULL, "alice.example", NULL, NULL);
	check(NULL, "", NULL, "/clients/a~1b/san: expected a name");
	check(NULL, "DNS:alice.example", NULL, "/clients/a~1b/san: ");
	check(NULL, "ip address:10.0.0.1", NULL, "/clients/a~1b/san: ");
}
END_TEST

START_TEST(what_a_fingerprint_is)
{
	check(NULL, NULL, DIGEST, NULL);
	check(NULL, NULL, "sha256:" DIGEST, NULL);
	check(NULL, NULL, "SHA256:" DIGEST, NULL);
	check(NULL, NULL, DIGEST "0", "/clients/a~1b/sha256: expected 64 hex digits");
	check(NULL, NULL, "0123", "/clients/a~1b/sha256: ");
	check(NULL, NULL, "g" DIGEST, "/clients/a~1b/sha256: ");
	check(NULL, NULL, "", "/clients/a~1b/sha256: ");
}
END_TEST

START_TEST(every_client_is_checked)
{
	begin();
	add("a");
	add("b")->subject = "CN=b";
	add("c")->san = "";
	ck_assert(!run());
	ck_assert_uint_eq(n_mistakes, 2);
	clients_fini(&clients);
}
END_TEST

/* A certificate with these facts, which are the test's. */
static struct facts certificate(const char *subject, const char *host_name, const char *uri)
{
	static char digest[] = DIGEST;
	struct facts facts = { .subject = (char *)(uintptr_t)subject, .sha256 = digest };

	if (host_name)
		facts.names[facts.n++] = (char *)(uintptr_t)host_name;
	facts.n_hosts = facts.n;
	if (uri)
		facts.names[facts.n++] = (char *)(uintptr_t)uri;
	return facts;
}

START_TEST(the_first_that_matches_counts)
{
	struct facts alice = certificate("CN=alice", "a.example", NULL);
	struct facts bob = certificate("CN=bob", NULL, NULL);

	begin();
	add("alice")->subject = "CN=alice";
	add("host")->san = "a.example";
	ck_assert(run());
	ck_assert_uint_eq(clients_find(&clients, &alice), 0);
	alice.subject = NULL;
	ck_assert_uint_eq(clients_find(&clients, &alice), 1);
	ck_assert_uint_eq(clients_find(&clients, &bob), 2); /* none */
	clients_fini(&clients);
}
END_TEST

START_TEST(all_that_is_given_must_match)
{
	struct facts facts = certificate("CN=alice", "a.example", NULL);
	struct client *client;

	begin();
	client = add("alice");
	*client = (struct client){ .subject = "CN=alice",
		                   .san = "a.example",
		                   .sha256 = "SHA256:" DIGEST };
	ck_assert(run());
	ck_assert_uint_eq(clients_find(&clients, &facts), 0);
	client->san = "b.example";
	ck_assert_uint_eq(clients_find(&clients, &facts), 1);
	client->san = NULL;
	client->subject = "CN=Alice";
	ck_assert_uint_eq(clients_find(&clients, &facts), 1);
	client->subject = NULL;
	ck_assert_uint_eq(clients_find(&clients, &facts), 0);
	facts.sha256[0] ^= 1;
	ck_assert_uint_eq(clients_find(&clients, &facts), 1);
	clients_fini(&clients);
}
END_TEST

START_TEST(a_fingerprint_may_have_colons_and_capitals)
{
	struct facts facts = certificate(NULL, NULL, NULL);

	begin();
	add("alice")->sha256 = "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:"
			       "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF";
	ck_assert(run());
	ck_assert_uint_eq(clients_find(&clients, &facts), 0);
	clients_fini(&clients);
}
END_TEST

START_TEST(only_host_names_have_no_case)
{
	struct facts facts = certificate(NULL, "A.Example", "spiffe://Acme/a");
	struct client *client;

	begin();
	client = add("alice");
	client->san = "a.eXAMPLE";
	ck_assert(run());
	ck_assert_uint_eq(clients_find(&clients, &facts), 0);
	client->san = "spiffe://Acme/a";
	ck_assert_uint_eq(clients_find(&clients, &facts), 0);
	client->san = "spiffe://acme/a";
	ck_assert_uint_eq(clients_find(&clients, &facts), 1);
	clients_fini(&clients);
}
END_TEST

SUITE("clients", a_client_behind_one_that_fits_too, the_same_fingerprint_twice,
      an_identity_is_one_that_the_host_accepts, what_identifies_a_client, what_a_fingerprint_is,
      every_client_is_checked, the_first_that_matches_counts, all_that_is_given_must_match,
      a_fingerprint_may_have_colons_and_capitals, only_host_names_have_no_case)
