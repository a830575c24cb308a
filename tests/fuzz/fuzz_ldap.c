/* fuzz_ldap - what a directory sends, which is the input: auth_ldap takes it for an answer within
 * the bounds of its limits, or for a fault with a text. libldap reads it from a socket. */
#include <sys/socket.h>
#include <unistd.h>

#include "../common/client/identity.h"
#include "connection/dial.h"
#include "connection/link.h"
#include "entry.h"
#include "fuzz.h"

enum { INPUT_MAX = 64 * 1024, TIME_MS = 2000 };

static const char *const limits[] = { "ports", "max_tunnels", "max_conns", "life" };
static const char *const attributes[] = { "p", "t", "c", "l" };
static const struct conf conf = {
	.name_attribute = "uid",
	.attributes = { limits, attributes, 4, sizeof *attributes },
	.group_base = "ou=groups",
	.group_filter = "(member=%d)",
	.timeout = TIME_MS,
};
static struct group_policy group = { .policy = { .max_conns = 5 } };

/* libldap 2.5 leaks the request whose result is malformed. That cannot be told from a message that
 * auth_ldap does not free; those show in the end-to-end tests. */
/* NOLINTBEGIN(cert-dcl51-cpp): the sanitizer's name */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:liblber\nleak:libldap\n";
}
/* NOLINTEND(cert-dcl51-cpp) */

static void expect_text(const char *text)
{
	FUZZ_CHECK(*text && strlen(text) < FAULT_TEXT_SIZE);
}

static void check_facts(const struct facts *facts)
{
	struct policy all = entry_limits(facts);
	const spore_port_range *ports = all.ports.items;

	FUZZ_CHECK(*facts->dn && strlen(facts->dn) < sizeof facts->dn);
	FUZZ_CHECK(identity_is_good(spore_cstr(facts->identity)));
	FUZZ_CHECK(all.ports.count <= TERMS_PORTS_MAX);
	for (size_t i = 0; i < all.ports.count; i++)
		FUZZ_CHECK(ports[i].lo >= 1 && ports[i].lo <= ports[i].hi);
	FUZZ_CHECK(all.max_tunnels >= 0 && all.max_tunnels <= POLICY_MAX_COUNT);
	FUZZ_CHECK(all.max_conns >= 0 && all.max_conns <= POLICY_MAX_COUNT);
	FUZZ_CHECK(all.life >= 0 && all.life <= POLICY_MAX_LIFE_MS);
	FUZZ_CHECK(entry_is_same(facts, facts));
}

static void check_entry(const struct settings *settings, LDAP *link, LDAPMessage *found)
{
	struct fault fault = { 0 };
	struct facts facts;

	if (!entry_read(&facts, settings, link, found, "alice", &fault)) {
		FUZZ_CHECK(fault.result == ASK_BAD_ENTRY);
		expect_text(fault.text);
		return;
	}
	check_facts(&facts);
	if (!entry_read_groups(&facts, settings, link, found, &fault))
		expect_text(fault.text);
	else
		FUZZ_CHECK(facts.policy == &group.policy);
	check_facts(&facts);
}

/* A connection whose other end, *far_out, has sent the input and ended. */
static LDAP *connect_to(const struct settings *settings, const uint8_t *data, size_t size,
                        int *far_out)
{
	static const struct place place = { .url = "ldapi://%2Fx", .is_unix = true };
	struct fault fault = { 0 };
	LDAP *link;
	int fds[2];

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	link = link_adopt(settings, &place, fds[0], &fault);
	FUZZ_CHECK(link);
	FUZZ_CHECK(write(fds[1], data, size) == (ssize_t)size);
	FUZZ_CHECK(shutdown(fds[1], SHUT_WR) == 0);
	*far_out = fds[1];
	return link;
}

static void search(const struct settings *settings, const uint8_t *data, size_t size)
{
	static const char *const wanted[] = { "uid", "p", "t", "c", "l", NULL };
	const struct link_search what = {
		.base = "dc=x", .filter = "(uid=alice)", .wanted = wanted, .most = 2
	};
	int far;
	LDAP *link = connect_to(settings, data, size, &far);
	int64_t deadline_ms = dial_now_ms() + TIME_MS;
	struct fault fault = { 0 };
	struct link_found found;
	int number = link_send(link, &what, deadline_ms, &fault);

	FUZZ_CHECK(number > 0);
	if (!link_await(link, number, deadline_ms, &found, &fault)) {
		FUZZ_CHECK(fault_is_of_place(&fault) || fault.result == ASK_NO_MEMORY);
		FUZZ_CHECK(!found.entries);
		expect_text(fault.text);
	} else {
		FUZZ_CHECK(fault.result == ASK_ANSWERED);
		FUZZ_CHECK((found.end == LINK_ALL) == !*fault.text);
		FUZZ_CHECK(found.end != LINK_CUT || found.entries);
	}
	if (found.entries)
		check_entry(settings, link, found.entries);
	ldap_msgfree(found.entries);
	link_close(link);
	close(far);
}

static void bind_to(const struct settings *settings, const uint8_t *data, size_t size)
{
	int far;
	LDAP *link = connect_to(settings, data, size, &far);
	struct fault fault;
	enum link_says says = link_bind(link, "uid=a", spore_cstr("p"), dial_now_ms() + TIME_MS,
	                                &fault);

	FUZZ_CHECK((says == LINK_FAILED) == (fault.result != ASK_ANSWERED));
	if (says != LINK_RIGHT)
		expect_text(fault.text);
	link_close(link);
	close(far);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct settings settings = { .conf = &conf, .groups = &group, .n_groups = 1 };

	if (size > INPUT_MAX)
		return 0;
	if (!group.dn)
		group.dn = settings_plain_dn("cn=g,dc=x");
	FUZZ_CHECK(group.dn);
	search(&settings, data, size);
	bind_to(&settings, data, size);
	return 0;
}
