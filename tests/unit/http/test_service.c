#include "service.h"

#include "mistakes.h"
#include "suite.h"

static struct service service;

static bool init(struct service_options options)
{
	spore_create_args args = { .struct_size = sizeof args, .report = mistakes_report };

	mistakes_clear();
	service_fini(&service);
	return service_init(&service, &args, &options);
}

static void expect_wrong(struct service_options options, const char *mistake)
{
	ck_assert_msg(!init(options), "%s is accepted", options.url);
	mistakes_expect(mistake);
}

static void expect_place(const char *url, const char *host, uint16_t port, bool is_tls,
                         bool needs_lookup)
{
	ck_assert_msg(init((struct service_options){ .url = url }), "%s: %s", url, mistakes);
	ck_assert_str_eq(service.host, host);
	ck_assert_uint_eq(service.port, port);
	ck_assert(service.is_tls == is_tls && service.needs_lookup == needs_lookup);
	ck_assert((service.authorities != NULL) == is_tls);
	ck_assert_ptr_null(service.unix_path);
}

START_TEST(urls_name_a_place)
{
	expect_place("https://auth.example.com/v?a=b", "auth.example.com", 443, true, true);
	expect_place("https://192.0.2.1:8443/", "192.0.2.1", 8443, true, false);
	expect_place("https://[2001:db8::1]:8443/", "2001:db8::1", 8443, true, false);
	expect_place("http://127.3.2.1:80/", "127.3.2.1", 80, false, false);
	expect_place("http://[::1]/", "::1", 80, false, false);
	expect_place("http://localhost:8080/", "localhost", 8080, false, true);
	ck_assert(init((struct service_options){ .url = "http://unix:/run/a b.sock:/v?a=b:c" }));
	ck_assert_str_eq(service.unix_path, "/run/a b.sock");
	ck_assert_str_eq(service.url, "http://localhost/v?a=b:c");
	ck_assert(!service.needs_lookup);
	service_fini(&service);
}
END_TEST

START_TEST(wrong_urls)
{
	static const struct {
		const char *url, *mistake;
	} rows[] = {
		{ "auth.example.com", "/url: expected " },
		{ "ftp://127.0.0.1/", "/url: expected a URL that begins with" },
		{ "https://", "/url: expected a URL such as" },
		{ "https://u:p@127.0.0.1/", "/url: expected a URL without a user" },
		{ "https://a.example./", "/url: expected a host name of" },
		{ "https://b\xC3\xBC.example/", "/url: expected a host name of" },
		{ "http://192.0.2.1/", "/url: expected https://, since" },
		{ "http://auth.example.com/", "/url: expected https://, since" },
		{ "http://unix:run/a:/v", "/url: expected http://unix:/PATH" },
		{ "http://unix:/run/a", "/url: expected http://unix:/PATH" },
		{ "https://127.0.0.1/{name}", "/url: expected {name} in the mode" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect_wrong((struct service_options){ .url = rows[i].url }, rows[i].mistake);
	ck_assert(init((struct service_options){ .url = "http://192.0.2.1/", .insecure = true }));
	expect_wrong((struct service_options){ .url = "https://127.0.0.1/", .takes_name = true },
	             "/url: expected {name} in the URL");
	expect_wrong((struct service_options){ .url = "https://127.0.0.1/{name}{name}",
	                                       .takes_name = true },
	             "/url: expected {name} only once");
	service_fini(&service);
}
END_TEST

static void expect_url(const char *name, const char *url)
{
	char found[SERVICE_URL_MAX];

	ck_assert(service_url(&service, name, found));
	ck_assert_str_eq(found, url);
}

START_TEST(a_name_is_encoded)
{
	char found[SERVICE_URL_MAX], name[SERVICE_URL_MAX];

	ck_assert(init((struct service_options){ .url = "http://127.0.0.1/k/{name}?x",
	                                         .takes_name = true }));
	expect_url("alice", "http://127.0.0.1/k/alice?x");
	expect_url("a/../b", "http://127.0.0.1/k/a%2F..%2Fb?x");
	expect_url("?#%&\xC3\xA4 +", "http://127.0.0.1/k/%3F%23%25%26%C3%A4%20%2B?x");
	expect_url("{name}", "http://127.0.0.1/k/%7Bname%7D?x");
	ck_assert(!service_url(&service, ".", found) && !service_url(&service, "..", found));
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	ck_assert(!service_url(&service, name, found));
	service_fini(&service);
}
END_TEST

START_TEST(headers_carry_secrets)
{
	static const char *const keys[] = { "X-Tenant" }, *const wrong[] = { "X Tenant" };
	spore_str values[] = { { "t", 1 } }, broken[] = { { "t\r\nX: y", 7 } };
	struct service_options options = { .url = "http://127.0.0.1/",
		                           .token = { "abc", 3 },
		                           .headers = { keys, values, 1, sizeof *values } };
	unsigned found = 0;

	ck_assert(init(options));
	for (struct curl_slist *header = service.headers; header; header = header->next)
		found += strcmp(header->data, "Authorization: Bearer abc") == 0 ||
		         strcmp(header->data, "X-Tenant: t") == 0;
	ck_assert_uint_eq(found, 2);
	options.headers.items = broken;
	expect_wrong(options, "/headers/X-Tenant: expected the name of");
	options.headers = (spore_map){ wrong, values, 1, sizeof *values };
	expect_wrong(options, "/headers/X Tenant: expected the name of");
	options.headers.count = 0;
	options.token = (spore_str){ "a\nb", 3 };
	expect_wrong(options, "/token: expected a text without");
	service_fini(&service);
}
END_TEST

START_TEST(authorities_are_read_at_once)
{
	expect_wrong(
		(struct service_options){ .url = "https://127.0.0.1/", .cacertfile = "/dev/null" },
		"/cacertfile: expected a file of certificates");
	expect_wrong(
		(struct service_options){ .url = "http://127.0.0.1/", .cacertfile = "/dev/null" },
		"/cacertfile: expected this option with https");
	service_fini(&service);
}
END_TEST

SUITE("service", urls_name_a_place, wrong_urls, a_name_is_encoded, headers_carry_secrets,
      authorities_are_read_at_once)
