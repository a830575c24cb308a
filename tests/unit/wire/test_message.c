#include "wire/message.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

static const char an_id[] = "6fa459ea-ee8a-4ca4-894e-db77e160355e";

static bool parse(enum message_direction direction, const char *text, struct message *message)
{
	return message_parse(direction, text, strlen(text), message);
}

/* ---- the frames that bore accepts and rejects ---- */

static cJSON *read_list(void)
{
	FILE *file = fopen(FRAMES_JSON, "rb");
	char *text = malloc(1 << 20);
	size_t len;
	cJSON *list;

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(text);
	len = fread(text, 1, 1 << 20, file);
	fclose(file);
	list = cJSON_ParseWithLength(text, len);
	free(text);
	ck_assert_ptr_nonnull(list);
	return list;
}

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (unsigned byte; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		out[n] = (uint8_t)byte;
	return n;
}

/* The bytes under `name`, or in hexadecimal under `name_hex`. */
static size_t bytes_of(const cJSON *entry, const char *name, const char *name_hex,
                       uint8_t out[1024])
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, name));
	const char *hex = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, name_hex));

	if (hex)
		return from_hex(hex, out);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_lt(strlen(text), 1024);
	memcpy(out, text, strlen(text));
	return strlen(text);
}

static void check_value(const cJSON *entry, const struct message *message, const char *note)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(entry, "value");
	char id[UUID_TEXT_SIZE];
	uint8_t value[1024];
	size_t len;

	switch (message->type) {
	case MESSAGE_HELLO:
		ck_assert_msg(message->port == number->valueint, "%s: port %u", note,
		              message->port);
		break;
	case MESSAGE_HEARTBEAT:
		break;
	case MESSAGE_AUTHENTICATE:
	case MESSAGE_ERROR:
		len = bytes_of(entry, "value", "value_hex", value);
		value[len] = '\0';
		len = strlen((char *)value); /* the text ends at a NUL, as message.h says */
		ck_assert_msg(message->text_len == len && memcmp(message->text, value, len) == 0,
		              "%s: \"%s\"", note, message->text);
		ck_assert_int_eq(message->text[len], '\0');
		break;
	default:
		uuid_format(&message->id, id);
		ck_assert_msg(strcmp(id, number->valuestring) == 0, "%s: %s", note, id);
	}
}

static enum message_type type_named(const char *name)
{
	static const char *const names[] = {
		[MESSAGE_HELLO] = "Hello",
		[MESSAGE_HELLO_EX] = "HelloEx",
		[MESSAGE_AUTHENTICATE] = "Authenticate",
		[MESSAGE_ACCEPT] = "Accept",
		[MESSAGE_CHALLENGE] = "Challenge",
		[MESSAGE_HEARTBEAT] = "Heartbeat",
		[MESSAGE_CONNECTION] = "Connection",
		[MESSAGE_ERROR] = "Error",
	};

	for (int i = MESSAGE_HELLO; i <= MESSAGE_ERROR; i++) {
		if (strcmp(names[i], name) == 0)
			return (enum message_type)i;
	}
	return 0;
}

static void check_entry(const cJSON *entry)
{
	const char *direction = cJSON_GetObjectItemCaseSensitive(entry, "direction")->valuestring;
	const char *note = cJSON_GetObjectItemCaseSensitive(entry, "note")->valuestring;
	bool accepted = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "accepted"));
	bool to_server = strcmp(direction, "client->server") == 0;
	uint8_t bytes[1024], *exact;
	size_t len = bytes_of(entry, "text", "hex", bytes);
	struct message message;
	bool good;

	/* In a block of the exact size, so that reading past the end is noticed. */
	exact = malloc(len ? len : 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, bytes, len);
	good = message_parse(to_server ? MESSAGE_TO_SERVER : MESSAGE_TO_CLIENT, (char *)exact, len,
	                     &message);
	free(exact);
	ck_assert_msg(good == accepted, "%s, \"%.*s\" (%s): %s, bore %s it", direction, (int)len,
	              bytes, note, good ? "accepted" : "refused", accepted ? "accepts" : "refuses");
	if (!good)
		return;
	ck_assert_int_eq(
		message.type,
		type_named(cJSON_GetObjectItemCaseSensitive(entry, "variant")->valuestring));
	check_value(entry, &message, note);
}

START_TEST(agrees_with_bore_on_every_frame_of_the_list)
{
	cJSON *list = read_list();
	const cJSON *entry;
	int n = 0, n_accepted = 0;

	cJSON_ArrayForEach(entry, list)
	{
		check_entry(entry);
		n_accepted += cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "accepted"));
		n++;
	}
	cJSON_Delete(list);
	ck_assert_int_ge(n, 427);
	ck_assert_int_ge(n_accepted, 90);
}
END_TEST

/* ---- HelloEx of the predecessor, which bore does not know ---- */

START_TEST(hello_ex_may_hold_unknown_members)
{
	static const char *const good[] = {
		"{\"HelloEx\":{\"port\":20050,\"version\":\"spore/1\",\"features\":[]}}",
		"{\"HelloEx\":{\"features\":[[1,{\"port\":7}],\"a\"],\"port\":20050}}",
		"{\"HelloEx\":{\"version\":\"\",\"port\":20050}}",
		"{\"HelloEx\":{\"\":{},\"x\":null,\"port\":20050,\"y\":[]}}",
		" { \"HelloEx\" : { \"p\\u006frt\" : 20050 } } ",
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct message message;

		ck_assert_msg(parse(MESSAGE_TO_SERVER, good[i], &message), "%s", good[i]);
		ck_assert_int_eq(message.type, MESSAGE_HELLO_EX);
		ck_assert_uint_eq(message.port, 20050);
		ck_assert(!parse(MESSAGE_TO_CLIENT, good[i], &message));
	}
}
END_TEST

START_TEST(hello_ex_needs_one_port)
{
	static const char *const bad[] = {
		"{\"HelloEx\":20050}",
		"{\"HelloEx\":{}}",
		"{\"HelloEx\":[20050]}",
		"{\"HelloEx\":null}",
		"\"HelloEx\"",
		"{\"HelloEx\":{\"Port\":20050}}",
		"{\"HelloEx\":{\"port\":\"20050\"}}",
		"{\"HelloEx\":{\"port\":65536}}",
		"{\"HelloEx\":{\"port\":-1}}",
		"{\"HelloEx\":{\"port\":1.0}}",
		"{\"HelloEx\":{\"port\":1e3}}",
		"{\"HelloEx\":{\"port\":1,\"port\":1}}",
		"{\"HelloEx\":{\"port\":[1]}}",
		"{\"HelloEx\":{\"features\":{\"port\":1}}}",
		"{\"HelloEx\":{\"port\":1},\"x\":1}",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct message message;

		ck_assert_msg(!parse(MESSAGE_TO_SERVER, bad[i], &message), "%s", bad[i]);
	}
}
END_TEST

START_TEST(too_many_tokens_do_no_harm)
{
	char text[FRAME_MAX + 1] = "{\"HelloEx\":{\"a\":[";
	struct message message;
	size_t n = strlen(text);

	while (n < FRAME_MAX - 14)
		n += (size_t)sprintf(text + n, "0,");
	n += (size_t)sprintf(text + n, "0],\"port\":1}}");
	ck_assert_uint_le(n, FRAME_MAX);
	ck_assert(parse(MESSAGE_TO_SERVER, text, &message));
	ck_assert_uint_eq(message.port, 1);
	memset(text, '[', FRAME_MAX);
	ck_assert(!message_parse(MESSAGE_TO_SERVER, text, FRAME_MAX, &message));
}
END_TEST

START_TEST(longer_than_a_frame_is_refused)
{
	char text[FRAME_MAX + 2];
	struct message message;

	memset(text, ' ', sizeof text);
	memcpy(text, "{\"Hello\":1}", 11);
	ck_assert(message_parse(MESSAGE_TO_SERVER, text, FRAME_MAX, &message));
	ck_assert(!message_parse(MESSAGE_TO_SERVER, text, FRAME_MAX + 1, &message));
}
END_TEST

/* ---- writing ---- */

static const char *format(const struct message *message, char out[FRAME_MAX + 1])
{
	size_t n = message_format(message, out);

	ck_assert_uint_le(n, FRAME_MAX + 1);
	ck_assert_int_eq(out[n - 1], '\0');
	ck_assert_uint_eq(strlen(out), n - 1);
	return out;
}

START_TEST(frames_are_written_as_bore_writes_them)
{
	struct message m = { .type = MESSAGE_HELLO, .port = 65535, .text = "in\"v\\alid" };
	char out[FRAME_MAX + 1];

	ck_assert(uuid_parse(an_id, strlen(an_id), &m.id));
	ck_assert_str_eq(format(&m, out), "{\"Hello\":65535}");
	m.type = MESSAGE_HELLO_EX;
	ck_assert_str_eq(format(&m, out), "{\"HelloEx\":{\"port\":65535}}");
	m.pass = m.id;
	ck_assert_str_eq(format(&m, out), "{\"HelloEx\":{\"port\":65535,"
	                                  "\"ticket\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}}");
	m.type = MESSAGE_AUTHENTICATE;
	ck_assert_str_eq(format(&m, out), "{\"Authenticate\":\"in\\\"v\\\\alid\"}");
	m.type = MESSAGE_ACCEPT;
	ck_assert_str_eq(format(&m, out), "{\"Accept\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}");
	m.type = MESSAGE_CHALLENGE;
	ck_assert_str_eq(format(&m, out),
	                 "{\"Challenge\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}");
	m.type = MESSAGE_HEARTBEAT;
	ck_assert_str_eq(format(&m, out), "\"Heartbeat\"");
	m.type = MESSAGE_CONNECTION;
	ck_assert_str_eq(format(&m, out),
	                 "{\"Connection\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}");
	m.type = MESSAGE_ERROR;
	ck_assert_str_eq(format(&m, out), "{\"Error\":\"in\\\"v\\\\alid\"}");
}
END_TEST

static void check_round_trip(const struct message *message, enum message_direction direction)
{
	char out[FRAME_MAX + 1];
	struct message back;

	ck_assert_msg(parse(direction, format(message, out), &back), "%s", out);
	ck_assert_int_eq(back.type, message->type);
	if (message->type == MESSAGE_HELLO || message->type == MESSAGE_HELLO_EX)
		ck_assert_uint_eq(back.port, message->port);
	else if (message->type == MESSAGE_ERROR || message->type == MESSAGE_AUTHENTICATE)
		ck_assert_str_eq(back.text, message->text);
	else if (message->type != MESSAGE_HEARTBEAT)
		ck_assert(uuid_equal(&back.id, &message->id));
}

START_TEST(every_message_survives_the_round_trip)
{
	static const enum message_type to_server[] = { MESSAGE_HELLO, MESSAGE_HELLO_EX,
		                                       MESSAGE_AUTHENTICATE, MESSAGE_ACCEPT };
	static const enum message_type to_client[] = { MESSAGE_HELLO, MESSAGE_CHALLENGE,
		                                       MESSAGE_HEARTBEAT, MESSAGE_CONNECTION,
		                                       MESSAGE_ERROR };
	struct message m = { .text = "port already in use", .text_len = 19 };

	for (unsigned port = 0; port <= UINT16_MAX; port += 257) {
		m.port = (uint16_t)port;
		ck_assert(uuid_random(&m.id));
		for (size_t i = 0; i < sizeof to_server / sizeof *to_server; i++) {
			m.type = to_server[i];
			check_round_trip(&m, MESSAGE_TO_SERVER);
		}
		for (size_t i = 0; i < sizeof to_client / sizeof *to_client; i++) {
			m.type = to_client[i];
			check_round_trip(&m, MESSAGE_TO_CLIENT);
		}
	}
}
END_TEST

START_TEST(every_ascii_byte_of_a_text_survives)
{
	for (unsigned c = 1; c < 0x80; c++) {
		struct message m = { .type = MESSAGE_AUTHENTICATE };

		m.text_len = (size_t)sprintf(m.text, "a%cb", (char)c);
		check_round_trip(&m, MESSAGE_TO_SERVER);
	}
}
END_TEST

START_TEST(utf8_of_a_text_survives)
{
	struct message m = { .type = MESSAGE_AUTHENTICATE,
		             .text = "caf\xc3\xa9 \xe2\x98\x83 \xf0\x9f\x98\x80" };

	m.text_len = strlen(m.text);
	check_round_trip(&m, MESSAGE_TO_SERVER);
}
END_TEST

START_TEST(a_text_that_does_not_fit_is_cut_to_a_good_frame)
{
	static const char *const fills[] = {
		"x",      "\"",       "\\",        "\x01",         "x\"",
		"xx\x01", "\xc3\xa9", "x\xc3\xa9", "\xe2\x98\x83", "\xf0\x9f\x98\x80"
	};

	for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
		for (size_t lead = 0; lead < 8; lead++) {
			struct message m = { .type = MESSAGE_ERROR }, back;
			char out[FRAME_MAX + 1];

			memset(m.text, 'a', lead);
			while (strlen(m.text) + strlen(fills[i]) <= FRAME_MAX)
				strcat(m.text, fills[i]);
			m.text_len = strlen(m.text);
			ck_assert_msg(parse(MESSAGE_TO_CLIENT, format(&m, out), &back), "%s", out);
			ck_assert_msg(strncmp(back.text, m.text, back.text_len) == 0, "%s", out);
			ck_assert_uint_ge(strlen(out), FRAME_MAX - 8);
		}
	}
}
END_TEST

/* ---- our extension ---- */

START_TEST(an_extension_may_ask_for_connections_ahead)
{
	struct message message = { .type = MESSAGE_EXTEND, .port = 2000, .ahead = 3 };
	char text[FRAME_MAX + 1];

	message_format(&message, text);
	ck_assert_str_eq(text, "{\"Extend\":{\"heartbeat_ms\":2000,\"ahead\":3}}");
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, text, &message));
	ck_assert_uint_eq(message.ahead, 3);
	message.type = MESSAGE_EXTENDED;
	ck_assert(uuid_parse(an_id, strlen(an_id), &message.id));
	message_format(&message, text);
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED, text, &message));
	ck_assert_uint_eq(message.ahead, 3);
	message_format(&(struct message){ .type = MESSAGE_AHEAD, .id = message.id }, text);
	ck_assert_str_eq(text, "{\"Ahead\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}");
	ck_assert(parse(MESSAGE_TO_SERVER, text, &message));
	ck_assert(!parse(MESSAGE_TO_CLIENT, "\"Accepted\"", &message));
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED, "\"Accepted\"", &message));
}
END_TEST

START_TEST(a_client_may_want_addresses)
{
	struct message message = { .type = MESSAGE_EXTEND,
		                   .port = 1,
		                   .wants = MESSAGE_WANTS_VISITOR };
	static const char frame[] = "{\"Visitor\":{\"id\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\","
				    "\"from\":\"[2001:db8::1%25]:65535\"}}";
	static const char *const wrong[] = {
		"{\"Visitor\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}",
		"{\"Visitor\":{\"id\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}}",
		"{\"Visitor\":{\"id\":\"6fa459ea\",\"from\":\"192.0.2.1:9\"}}",
		"{\"Visitor\":{\"id\":7,\"from\":\"192.0.2.1:9\"}}",
		"{\"Visitor\":{\"id\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\",\"from\":9}}",
		"{\"Visitor\":[]}",
		"\"Visitor\"",
	};
	char text[FRAME_MAX + 1];

	message_format(&message, text);
	ck_assert_str_eq(text, "{\"Extend\":{\"heartbeat_ms\":1,\"wants\":1}}");
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, text, &message));
	ck_assert_uint_eq(message.wants, MESSAGE_WANTS_VISITOR);
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED, frame, &message));
	ck_assert_int_eq(message.type, MESSAGE_VISITOR);
	ck_assert_str_eq(message.text, "[2001:db8::1%25]:65535");
	message_format(&message, text);
	ck_assert_str_eq(text, frame);
	ck_assert(!parse(MESSAGE_TO_CLIENT, frame, &message));
	ck_assert(!parse(MESSAGE_TO_SERVER_EXTENDED, frame, &message));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!parse(MESSAGE_TO_CLIENT_EXTENDED, wrong[i], &message), "%s",
		              wrong[i]);
}
END_TEST

START_TEST(a_client_may_want_to_hear_of_the_end)
{
	struct message message = { .type = MESSAGE_EXTEND,
		                   .port = 2000,
		                   .wants = MESSAGE_WANTS_LEAVING };
	char text[FRAME_MAX + 1];

	message_format(&message, text);
	ck_assert_str_eq(text, "{\"Extend\":{\"heartbeat_ms\":2000,\"wants\":2}}");
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, text, &message));
	ck_assert_uint_eq(message.wants, MESSAGE_WANTS_LEAVING);
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED, "\"Leaving\"", &message));
	ck_assert_int_eq(message.type, MESSAGE_LEAVING);
	ck_assert(!parse(MESSAGE_TO_CLIENT, "\"Leaving\"", &message));
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED,
	                "{\"Ticket\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}", &message));
	ck_assert_int_eq(message.type, MESSAGE_TICKET);
	ck_assert(!parse(MESSAGE_TO_CLIENT, "{\"Ticket\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}",
	                 &message));
	ck_assert(parse(MESSAGE_TO_SERVER,
	                "{\"HelloEx\":{\"ticket\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\","
	                "\"port\":7}}",
	                &message));
	ck_assert_uint_eq(message.port, 7);
	ck_assert_uint_eq(message.pass.bytes[0], 0x6f);
	ck_assert(!parse(MESSAGE_TO_SERVER, "{\"HelloEx\":{\"ticket\":\"6fa\",\"port\":7}}",
	                 &message));
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, "\"Moved\"", &message));
	ck_assert_int_eq(message.type, MESSAGE_MOVED);
	ck_assert(!parse(MESSAGE_TO_SERVER, "\"Moved\"", &message));
}
END_TEST

START_TEST(a_wrong_extension_is_rejected)
{
	static const char *const wrong[] = {
		"{\"Extended\":{\"ahead\":3}}",
		"{\"Extended\":{\"heartbeat_ms\":1,\"ahead\":70000}}",
		"{\"Extended\":{\"heartbeat_ms\":1,\"ahead\":\"3\"}}",
		"{\"Extended\":{\"heartbeat_ms\":1,\"wants\":\"1\"}}",
		"{\"Extended\":{\"heartbeat_ms\":1,\"wants\":-1}}",
		"{\"Extended\":{\"heartbeat_ms\":1,\"ahead\":3,\"pass\":7}}",
		"{\"Extended\":{\"heartbeat_ms\":1,\"pass\":\"6fa459ea\"}}",
		("{\"Extended\":{\"heartbeat_ms\":1,\"pass\":\"6fa459ea-ee8a-4ca4-894e-"
		 "db77e160355e\\u0000\"}}"),
	};
	struct message message;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!parse(MESSAGE_TO_CLIENT_EXTENDED, wrong[i], &message), "%s",
		              wrong[i]);
}
END_TEST

/* All that an Extended may say fits into a frame. */
START_TEST(a_client_learns_where_its_host_names_are_asked_for)
{
	struct message message = { .type = MESSAGE_EXTENDED,
		                   .port = UINT16_MAX,
		                   .ahead = UINT16_MAX,
		                   .offers = UINT16_MAX,
		                   .wants = UINT16_MAX,
		                   .n_routed = MESSAGE_MOST_ROUTED };
	char text[FRAME_MAX + 1];

	for (unsigned i = 0; i < MESSAGE_MOST_ROUTED; i++)
		message.routed[i] = (uint16_t)(UINT16_MAX - i);
	ck_assert_uint_lt(message_format(&message, text), FRAME_MAX);
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED, text, &message));
	ck_assert_uint_eq(message.n_routed, MESSAGE_MOST_ROUTED);
	ck_assert_uint_eq(message.routed[0], 65535);
	ck_assert_uint_eq(message.routed[7], 65528);
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED,
	                "{\"Extended\":{\"heartbeat_ms\":1,\"routed\":[],\"offers\":3}}",
	                &message));
	ck_assert_uint_eq(message.n_routed, 0);
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED,
	                "{\"Extended\":{\"heartbeat_ms\":1,\"routed\":[1,2,3,4,5,6,7,8,9]}}",
	                &message));
	ck_assert_uint_eq(message.n_routed, 8);
	ck_assert(!parse(MESSAGE_TO_CLIENT_EXTENDED,
	                 "{\"Extended\":{\"heartbeat_ms\":1,\"routed\":[70000]}}", &message));
	ck_assert(!parse(MESSAGE_TO_CLIENT_EXTENDED,
	                 "{\"Extended\":{\"heartbeat_ms\":1,\"routed\":[[1]]}}", &message));
	ck_assert(!parse(MESSAGE_TO_CLIENT_EXTENDED,
	                 "{\"Extended\":{\"heartbeat_ms\":1,\"routed\":443}}", &message));
}
END_TEST

START_TEST(claim_and_decline_name_a_visitor_and_are_offered)
{
	struct message message = { .type = MESSAGE_EXTENDED, .port = 5, .offers = 3 };
	char text[FRAME_MAX + 1];

	message_format(&message, text);
	ck_assert_str_eq(text, "{\"Extended\":{\"heartbeat_ms\":5,\"offers\":3}}");
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED, text, &message));
	ck_assert_uint_eq(message.offers, 3);
	ck_assert(!parse(MESSAGE_TO_CLIENT_EXTENDED,
	                 "{\"Extended\":{\"heartbeat_ms\":5,\"offers\":70000}}", &message));
	ck_assert(uuid_parse(an_id, strlen(an_id), &message.id));
	message.type = MESSAGE_CLAIM;
	message_format(&message, text);
	ck_assert_str_eq(text, "{\"Claim\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}");
	ck_assert(!parse(MESSAGE_TO_CLIENT_EXTENDED, text, &message));
	ck_assert(parse(MESSAGE_TO_SERVER, text, &message));
	message.type = MESSAGE_DECLINE;
	message_format(&message, text);
	ck_assert_str_eq(text, "{\"Decline\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}");
	ck_assert(!parse(MESSAGE_TO_SERVER, text, &message));
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, text, &message));
	message.type = MESSAGE_UNSERVED;
	message_format(&message, text);
	ck_assert_str_eq(text, "{\"Unserved\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}");
	ck_assert(!parse(MESSAGE_TO_SERVER, text, &message));
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, text, &message));
}
END_TEST

START_TEST(about_carries_a_valid_item)
{
	struct message message = { .type = MESSAGE_ABOUT, .text = "name=a \"web\"" };
	static const char *const wrong[] = {
		"{\"About\":\"name\"}",
		"{\"About\":\"name=\"}",
		"{\"About\":\"name=a\\u0000b\"}",
		"{\"About\":\"name=a\\n\"}",
		"{\"About\":\"host=a b\"}",
		"{\"About\":[\"name\",\"a\"]}",
		"{\"About\":{\"name\":\"a\"}}",
		"{\"About\":null}",
		"{\"About\":7}",
		"{\"About\":\"name=a\",\"About\":\"name=b\"}",
		"{\"About\":\"name=a\"} x",
		"\"About\"",
	};
	char text[FRAME_MAX + 1];

	message_format(&message, text);
	ck_assert_str_eq(text, "{\"About\":\"name=a \\\"web\\\"\"}");
	ck_assert(parse(MESSAGE_TO_SERVER, text, &message));
	ck_assert_int_eq(message.type, MESSAGE_ABOUT);
	ck_assert_str_eq(message.text, "name=a \"web\"");
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, text, &message));
	ck_assert(!parse(MESSAGE_TO_CLIENT, text, &message));
	ck_assert(!parse(MESSAGE_TO_CLIENT_EXTENDED, text, &message));
	ck_assert(parse(MESSAGE_TO_SERVER, " { \"About\" : \"n\\u0061me=\\u00e9\" } ", &message));
	ck_assert_str_eq(message.text, "name=\xc3\xa9");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!parse(MESSAGE_TO_SERVER, wrong[i], &message), "%s", wrong[i]);
}
END_TEST

/* It is read in one direction alone. */
static void check_goes(const char *frame, enum message_type type, enum message_direction way,
                       const char *text)
{
	struct message message;
	char back[FRAME_MAX + 1];

	for (int i = MESSAGE_TO_SERVER; i <= MESSAGE_TO_CLIENT_EXTENDED; i *= 2) {
		ck_assert_msg(parse((enum message_direction)i, frame, &message) == (i == (int)way),
		              "%s, %d", frame, i);
	}
	ck_assert(parse(way, frame, &message));
	ck_assert_int_eq(message.type, type);
	ck_assert_str_eq(message.text, text);
	message_format(&message, back);
	ck_assert_str_eq(back, frame);
}

#define OF_VISITOR(name, from)                                                                     \
	"{\"" name "\":{\"id\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\",\"from\":\"" from "\"}}"

START_TEST(a_visitor_is_handed_over_and_taken)
{
	static const char *const wrong[] = {
		"\"Open\"",
		"{\"Open\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}",
		"{\"Open\":{\"from\":\"192.0.2.1:9\"}}",
		"{\"Again\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}",
		"{\"Opened\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}",
		"\"Taken\"",
		"{\"Taken\":\"6fa459ea\"}",
	};
	struct message message;

	check_goes(OF_VISITOR("Open", "192.0.2.1:9"), MESSAGE_OPEN, MESSAGE_TO_CLIENT_EXTENDED,
	           "192.0.2.1:9");
	check_goes(OF_VISITOR("Open", ""), MESSAGE_OPEN, MESSAGE_TO_CLIENT_EXTENDED, "");
	check_goes("\"Opened\"", MESSAGE_OPENED, MESSAGE_TO_SERVER, "");
	check_goes(OF_VISITOR("Again", "[2001:db8::1]:9"), MESSAGE_AGAIN,
	           MESSAGE_TO_CLIENT_EXTENDED, "[2001:db8::1]:9");
	check_goes("{\"Taken\":\"6fa459ea-ee8a-4ca4-894e-db77e160355e\"}", MESSAGE_TAKEN,
	           MESSAGE_TO_SERVER_EXTENDED, "");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		for (int way = MESSAGE_TO_SERVER; way <= MESSAGE_TO_CLIENT_EXTENDED; way *= 2)
			ck_assert_msg(!parse((enum message_direction)way, wrong[i], &message), "%s",
			              wrong[i]);
	}
}
END_TEST

START_TEST(a_client_may_want_visitors_to_be_handed_over)
{
	struct message message = { .type = MESSAGE_EXTEND,
		                   .port = 1,
		                   .wants = MESSAGE_WANTS_CARRY | MESSAGE_WANTS_OPEN };
	char text[FRAME_MAX + 1];

	message_format(&message, text);
	ck_assert_str_eq(text, "{\"Extend\":{\"heartbeat_ms\":1,\"wants\":12}}");
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, text, &message));
	ck_assert_uint_eq(message.wants, MESSAGE_WANTS_CARRY | MESSAGE_WANTS_OPEN);
}
END_TEST

START_TEST(a_client_says_whether_its_service_is_ready)
{
	static const char *const good[] = { "{\"Ready\":{\"ready\":false}}",
		                            "{\"Ready\":{\"ready\":false,\"x\":[1]}}" };
	static const char *const bad[] = { "\"Ready\"",
		                           "{\"Ready\":true}",
		                           "{\"Ready\":{}}",
		                           "{\"Ready\":{\"ready\":1}}",
		                           "{\"Ready\":{\"ready\":false,\"close\":\"x\"}}",
		                           "{\"Ready\":{\"ready\":false,\"why\":1}}" };
	struct message message = { .type = MESSAGE_READY, .ready = true, .text = "x" }, got;
	char frame[FRAME_MAX + 1];

	message_format(&message, frame);
	ck_assert_str_eq(frame, "{\"Ready\":{\"ready\":true}}");
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, frame, &got) && got.ready && !got.close);
	ck_assert(!parse(MESSAGE_TO_SERVER, frame, &got));
	message = (struct message){ .type = MESSAGE_READY,
		                    .close = true,
		                    .text = "status \"500\"" };
	message_format(&message, frame);
	ck_assert_str_eq(
		frame,
		"{\"Ready\":{\"ready\":false,\"close\":true,\"why\":\"status \\\"500\\\"\"}}");
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, frame, &got));
	ck_assert(!got.ready && got.close);
	ck_assert_str_eq(got.text, "status \"500\"");
	memset(message.text, 'x', FRAME_MAX);
	ck_assert_uint_le(message_format(&message, frame), FRAME_MAX + 1);
	ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, frame, &got));
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert(parse(MESSAGE_TO_SERVER_EXTENDED, good[i], &got) && !got.ready);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!parse(MESSAGE_TO_SERVER_EXTENDED, bad[i], &got), "%s", bad[i]);
}
END_TEST

START_TEST(a_server_says_that_it_refuses_visitors)
{
	struct message message = { .type = MESSAGE_REFUSING, .text = "used \"up\"" }, got;
	char frame[FRAME_MAX + 1];

	message_format(&message, frame);
	ck_assert_str_eq(frame, "{\"Refusing\":\"used \\\"up\\\"\"}");
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED, frame, &got));
	ck_assert_str_eq(got.text, "used \"up\"");
	ck_assert(!parse(MESSAGE_TO_CLIENT, frame, &got));
	ck_assert(!parse(MESSAGE_TO_SERVER_EXTENDED, frame, &got));
	ck_assert(parse(MESSAGE_TO_CLIENT_EXTENDED, "{\"Refusing\":\"\"}", &got) && !*got.text);
	ck_assert(!parse(MESSAGE_TO_CLIENT_EXTENDED, "\"Refusing\"", &got));
}
END_TEST

SUITE("message", a_server_says_that_it_refuses_visitors, a_client_says_whether_its_service_is_ready,
      agrees_with_bore_on_every_frame_of_the_list, hello_ex_may_hold_unknown_members,
      hello_ex_needs_one_port, too_many_tokens_do_no_harm, longer_than_a_frame_is_refused,
      frames_are_written_as_bore_writes_them, every_message_survives_the_round_trip,
      every_ascii_byte_of_a_text_survives, utf8_of_a_text_survives,
      a_text_that_does_not_fit_is_cut_to_a_good_frame, an_extension_may_ask_for_connections_ahead,
      a_client_may_want_addresses, a_client_may_want_to_hear_of_the_end,
      a_wrong_extension_is_rejected, a_client_learns_where_its_host_names_are_asked_for,
      claim_and_decline_name_a_visitor_and_are_offered, about_carries_a_valid_item,
      a_visitor_is_handed_over_and_taken, a_client_may_want_visitors_to_be_handed_over)
