#include "hello.h"

#include "sni/hellos.h"

static void expect_name(const struct hellos_bytes *b, const char *name)
{
	struct hello hello;

	ck_assert_int_eq(hellos_read(b, &hello), HELLO_NAME);
	ck_assert_str_eq(hello.name, name);
}

static void expect(const struct hellos_bytes *b, enum hello_result result)
{
	struct hello hello;

	ck_assert_int_eq(hellos_read(b, &hello), result);
}

static void expect_wrong(const struct hellos_bytes *b, const char *why)
{
	struct hello hello;

	ck_assert_int_eq(hellos_read(b, &hello), HELLO_WRONG);
	ck_assert_str_eq(hello.why, why);
}

/* A hello with an extension that is GREASE, the name, and one of `rest` bytes. */
static void make_named(struct hellos_bytes *message, const char *name, size_t rest)
{
	static const uint8_t zero[9000];
	struct hellos_bytes extensions = { .n = 0 };

	hellos_extension(&extensions, 0x2A2A, "", 0);
	hellos_name(&extensions, name, strlen(name));
	hellos_extension(&extensions, 0xFE0D, zero, rest); /* an encrypted hello inside */
	message->n = 0;
	hellos_message(message, &extensions);
}

START_TEST(a_name_is_read_at_every_split)
{
	struct hellos_bytes message, b = { .n = 0 };

	make_named(&message, "a.example", 200);
	hellos_records(&b, &message, 16384);
	expect_name(&b, "a.example");
	hellos_add(&b, "early data", 10);
	expect_name(&b, "a.example");
}
END_TEST

START_TEST(a_hello_in_many_records_is_read)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 100, 250 };
	struct hellos_bytes message, b;

	make_named(&message, "A.Example", 100);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		b.n = 0;
		hellos_records(&b, &message, sizes[i]);
		expect_name(&b, "A.Example");
	}
}
END_TEST

START_TEST(a_large_hello_is_read)
{
	struct hellos_bytes message, b = { .n = 0 };

	make_named(&message, "post.quantum.example", 9000);
	hellos_records(&b, &message, 4000);
	expect_name(&b, "post.quantum.example");
}
END_TEST

START_TEST(a_hello_without_a_name_has_none)
{
	struct hellos_bytes extensions = { .n = 0 }, b;

	hellos_make(&b, NULL);
	expect(&b, HELLO_NO_NAME);
	hellos_make(&b, &extensions);
	expect(&b, HELLO_NO_NAME);
	hellos_extension(&extensions, 43, "\x02\x03\x04", 3);
	hellos_make(&b, &extensions);
	expect(&b, HELLO_NO_NAME);
}
END_TEST

START_TEST(a_hello_in_the_form_of_ssl_2_has_no_name)
{
	struct hellos_bytes b = { .n = 0 };

	hellos_add(&b, "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", 11);
	expect(&b, HELLO_NO_NAME);
	b.data[3] = 0;
	b.data[4] = 2;
	expect(&b, HELLO_NO_NAME);
	b.data[2] = 2;
	expect(&b, HELLO_OTHER);
}
END_TEST

START_TEST(other_protocols_are_not_tls)
{
	static const char *const others[] = { "GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\x16GET",
		                              "\x15\x03\x01", "\xff\xfb\x01\xff\xfb" };
	struct hellos_bytes b;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		b.n = 0;
		hellos_add(&b, others[i], strlen(others[i]));
		expect(&b, HELLO_OTHER);
	}
}
END_TEST

static void make_with_name(struct hellos_bytes *b, const char *name, size_t len)
{
	struct hellos_bytes extensions = { .n = 0 };

	hellos_name(&extensions, name, len);
	hellos_make(b, &extensions);
}

START_TEST(a_name_has_bounds)
{
	char name[256];
	struct hellos_bytes b;

	memset(name, 'a', sizeof name);
	make_with_name(&b, name, 255);
	expect(&b, HELLO_NAME);
	make_with_name(&b, name, 256);
	expect_wrong(&b, "the server name is empty or too long");
	make_with_name(&b, name, 0);
	expect_wrong(&b, "the server name is empty or too long");
	make_with_name(&b, "a\0b", 3);
	expect_wrong(&b, "the server name has a character that no name has");
	make_with_name(&b, "a b", 3);
	expect_wrong(&b, "the server name has a character that no name has");
	make_with_name(&b, "\xC3\xA4.example", 10);
	expect_wrong(&b, "the server name has a character that no name has");
}
END_TEST

START_TEST(a_malformed_extension_is_wrong)
{
	struct hellos_bytes extensions = { .n = 0 }, b;

	hellos_extension(&extensions, 0, "", 0);
	hellos_make(&b, &extensions);
	expect_wrong(&b, "the extension server_name is malformed");
	extensions.n = 0;
	hellos_extension(&extensions, 0,
	                 "\x00\x06\x00\x00\x01"
	                 "a\x00\x00",
	                 8);
	hellos_make(&b, &extensions);
	expect_wrong(&b, "expected one server name of the type host_name");
	extensions.n = 0;
	hellos_extension(&extensions, 0,
	                 "\x00\x04\x01\x00\x01"
	                 "a",
	                 6);
	hellos_make(&b, &extensions);
	expect_wrong(&b, "expected one server name of the type host_name");
	extensions.n = 0;
	hellos_name(&extensions, "a", 1);
	hellos_name(&extensions, "b", 1);
	hellos_make(&b, &extensions);
	expect_wrong(&b, "the extension server_name comes twice");
	extensions.n = 0;
	hellos_number(&extensions, 0x002B0009, 4);
	hellos_make(&b, &extensions);
	expect_wrong(&b, "an extension is malformed");
}
END_TEST

START_TEST(a_malformed_hello_is_wrong)
{
	struct hellos_bytes message, b = { .n = 0 };

	make_named(&message, "a.example", 10);
	message.data[0] = 2;
	hellos_records(&b, &message, 100);
	expect_wrong(&b, "expected a ClientHello");
	make_named(&message, "a.example", 10);
	message.data[4] = 2; /* the version */
	b.n = 0;
	hellos_records(&b, &message, 16384);
	expect_wrong(&b, "the ClientHello is malformed");
	message.data[1] = 1; /* 64 KiB */
	b.n = 0;
	hellos_records(&b, &message, 16384);
	expect_wrong(&b, "the ClientHello is too long");
}
END_TEST

START_TEST(a_wrong_record_is_wrong)
{
	struct hellos_bytes message, b = { .n = 0 };

	hellos_number(&b, 0x1603010000, 5);
	expect_wrong(&b, "a handshake record is empty");
	b.n = 0;
	hellos_number(&b, 0x1603014001, 5);
	expect_wrong(&b, "a record is too long");
	make_named(&message, "a.example", 10);
	b.n = 0;
	hellos_records(&b, &message, 20);
	b.data[25] = 20; /* another record between the parts */
	expect_wrong(&b, "expected a handshake record");
}
END_TEST

SUITE("hello", a_name_is_read_at_every_split, a_hello_in_many_records_is_read,
      a_large_hello_is_read, a_hello_without_a_name_has_none,
      a_hello_in_the_form_of_ssl_2_has_no_name, other_protocols_are_not_tls, a_name_has_bounds,
      a_malformed_extension_is_wrong, a_malformed_hello_is_wrong, a_wrong_record_is_wrong)
