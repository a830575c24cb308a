#include "wire/message.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "wire/about.h"
#include "json/scan.h"

/* What follows the name of a variant. */
enum payload {
	PORT,      /* a number */
	OBJECT,    /* an object with a number, and perhaps a ticket */
	EXTENSION, /* an object with a number, and perhaps other members */
	TEXT,
	ITEM, /* a text that is an item of wire/about */
	ID,
	VISITOR,  /* an object with an id and an address */
	USER,     /* an object with an id and a pass */
	STANDING, /* an object that says whether a service can be reached */
	NOTHING
};
enum {
	TO_SERVER = MESSAGE_TO_SERVER,
	TO_CLIENT = MESSAGE_TO_CLIENT | MESSAGE_TO_CLIENT_EXTENDED,
};

static const struct variant {
	enum message_type type;
	const char *name;
	enum payload payload;
	unsigned directions;
	const char *member; /* OBJECT, EXTENSION: the required member, a number */
} variants[] = {
	{ MESSAGE_HELLO, "Hello", PORT, TO_SERVER | TO_CLIENT, NULL },
	{ MESSAGE_HELLO_EX, "HelloEx", OBJECT, TO_SERVER, "port" },
	{ MESSAGE_AUTHENTICATE, "Authenticate", TEXT, TO_SERVER, NULL },
	{ MESSAGE_ACCEPT, "Accept", ID, TO_SERVER, NULL },
	{ MESSAGE_CHALLENGE, "Challenge", ID, TO_CLIENT, NULL },
	{ MESSAGE_HEARTBEAT, "Heartbeat", NOTHING, TO_CLIENT | MESSAGE_TO_SERVER_EXTENDED, NULL },
	{ MESSAGE_CONNECTION, "Connection", ID, TO_CLIENT, NULL },
	{ MESSAGE_ERROR, "Error", TEXT, TO_CLIENT, NULL },
	{ MESSAGE_EXTEND, "Extend", EXTENSION, MESSAGE_TO_SERVER_EXTENDED, "heartbeat_ms" },
	{ MESSAGE_EXTENDED, "Extended", EXTENSION, MESSAGE_TO_CLIENT_EXTENDED, "heartbeat_ms" },
	{ MESSAGE_ABOUT, "About", ITEM, TO_SERVER | MESSAGE_TO_SERVER_EXTENDED, NULL },
	{ MESSAGE_AHEAD, "Ahead", ID, TO_SERVER, NULL },
	{ MESSAGE_ACCEPTED, "Accepted", NOTHING, MESSAGE_TO_CLIENT_EXTENDED, NULL },
	{ MESSAGE_CLAIM, "Claim", ID, TO_SERVER, NULL },
	{ MESSAGE_CARRY, "Carry", USER, TO_SERVER, NULL },
	{ MESSAGE_OPEN, "Open", VISITOR, MESSAGE_TO_CLIENT_EXTENDED, NULL },
	{ MESSAGE_OPENED, "Opened", NOTHING, TO_SERVER, NULL },
	{ MESSAGE_AGAIN, "Again", VISITOR, MESSAGE_TO_CLIENT_EXTENDED, NULL },
	{ MESSAGE_TAKEN, "Taken", ID, MESSAGE_TO_SERVER_EXTENDED, NULL },
	{ MESSAGE_DECLINE, "Decline", ID, MESSAGE_TO_SERVER_EXTENDED, NULL },
	{ MESSAGE_UNSERVED, "Unserved", ID, MESSAGE_TO_SERVER_EXTENDED, NULL },
	{ MESSAGE_VISITOR, "Visitor", VISITOR, MESSAGE_TO_CLIENT_EXTENDED, NULL },
	{ MESSAGE_LEAVING, "Leaving", NOTHING, MESSAGE_TO_CLIENT_EXTENDED, NULL },
	{ MESSAGE_MOVED, "Moved", NOTHING, MESSAGE_TO_SERVER_EXTENDED, NULL },
	{ MESSAGE_TICKET, "Ticket", ID, MESSAGE_TO_CLIENT_EXTENDED, NULL },
	{ MESSAGE_READY, "Ready", STANDING, MESSAGE_TO_SERVER_EXTENDED, NULL },
	{ MESSAGE_REFUSING, "Refusing", TEXT, MESSAGE_TO_CLIENT_EXTENDED, NULL },
};
enum { N_VARIANTS = sizeof variants / sizeof *variants, MAX_TOKENS = FRAME_MAX };
_Static_assert(sizeof "{\"About\":\"=\"}" - 1 + ABOUT_KEY_MAX + ABOUT_VALUE_MAX <= FRAME_MAX,
               "a valid item fits into a frame");

static const struct variant *find_variant(const char *name, enum message_direction direction)
{
	for (size_t i = 0; i < N_VARIANTS; i++) {
		const struct variant *v = &variants[i];

		if (v->directions & direction && strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}

/* Reads what serde reads as u16, which is only digits. This needs the text, since a parsed number
 * does not tell how it was written. */
static bool read_u16(const char *text, const struct scan_token *token, uint16_t *number_out)
{
	uint64_t number;

	if (token->type != SCAN_NUMBER ||
	    !text_to_uint(text + token->start, token->end - token->start, UINT16_MAX, &number))
		return false;
	*number_out = (uint16_t)number;
	return true;
}

static bool read_pass(const struct scan_token *token, const cJSON *item, struct uuid *id_out)
{
	const char *text = cJSON_GetStringValue(item);

	return text && token->count == 0 && uuid_parse(text, strlen(text), id_out);
}

/* The place of an optional number of an extension. NULL: there is no such number. */
static uint16_t *optional_number(struct message *message, const char *name)
{
	if (strcmp(name, "ahead") == 0)
		return &message->ahead;
	if (strcmp(name, "offers") == 0)
		return &message->offers;
	if (strcmp(name, "wants") == 0)
		return &message->wants;
	return NULL;
}

/* An array of ports. Those for which there is no room are left out. */
static bool read_routed(const char *text, const struct scan_token *array, struct message *message)
{
	uint16_t port;

	if (array->type != SCAN_ARRAY)
		return false;
	message->n_routed = 0;
	for (uint32_t i = 1; i <= array->count; i++) {
		if (!read_u16(text, array + i, &port))
			return false;
		if (message->n_routed < MESSAGE_MOST_ROUTED)
			message->routed[message->n_routed++] = port;
	}
	return true;
}

/* Reads an optional member of an extension. Unknown members are ignored. */
static bool read_optional(const char *text, const struct scan_token *value, const cJSON *member,
                          struct message *message)
{
	uint16_t *number = optional_number(message, member->string);

	if (strcmp(member->string, "pass") == 0)
		return read_pass(value, member, &message->id);
	if (strcmp(member->string, "routed") == 0)
		return read_routed(text, value, message);
	return !number || read_u16(text, value, number);
}

/* The first token that begins after the end of this value. */
static const struct scan_token *token_after(const struct scan_token *value)
{
	const struct scan_token *token = value + 1;

	while (token->start < value->end)
		token++;
	return token;
}

/* Reads a member that only some clients send. Unknown members are ignored. */
static bool read_further(const struct variant *variant, const char *text,
                         const struct scan_token *value, const cJSON *member,
                         struct message *message)
{
	if (variant->payload == EXTENSION)
		return read_optional(text, value, member, message);
	return strcmp(member->string, "ticket") != 0 || read_pass(value, member, &message->pass);
}

/* {"port":P, ...}. Unknown members are ignored. */
static bool read_object(const struct variant *variant, const char *text,
                        const struct scan_token *object, const cJSON *item, struct message *message)
{
	const struct scan_token *key = object + 1;
	bool found = false; /* the required member */

	if (object->type != SCAN_OBJECT)
		return false;
	for (const cJSON *member = item->child; member; member = member->next) {
		const struct scan_token *value = key + 1;

		if (strcmp(member->string, variant->member) == 0) {
			if (found || !read_u16(text, value, &message->port))
				return false;
			found = true;
		} else if (!read_further(variant, text, value, member, message)) {
			return false;
		}
		key = token_after(value);
	}
	return found;
}

static bool read_text(const cJSON *item, struct message *message)
{
	const char *text = cJSON_GetStringValue(item);

	if (!text)
		return false;
	message->text_len = strlen(text);
	memcpy(message->text, text, message->text_len + 1);
	return true;
}

static bool read_id(const cJSON *item, struct message *message)
{
	const char *id = cJSON_GetStringValue(item);

	return id && uuid_parse(id, strlen(id), &message->id);
}

/* {"id":ID,"from":ADDRESS}. Unknown members are ignored. */
static bool read_visitor(const cJSON *item, struct message *message)
{
	return cJSON_IsObject(item) &&
	       read_id(cJSON_GetObjectItemCaseSensitive(item, "id"), message) &&
	       read_text(cJSON_GetObjectItemCaseSensitive(item, "from"), message);
}

/* {"id":ID,"pass":PASS}. Unknown members are ignored. */
static bool read_user(const cJSON *item, struct message *message)
{
	const char *pass;

	if (!cJSON_IsObject(item))
		return false;
	pass = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "pass"));
	return pass && uuid_parse(pass, strlen(pass), &message->pass) &&
	       read_id(cJSON_GetObjectItemCaseSensitive(item, "id"), message);
}

/* {"ready":false,"close":true,"why":TEXT}; all but the first may be missing. Unknown members are
 * ignored. */
static bool read_standing(const cJSON *item, struct message *message)
{
	const cJSON *ready, *close, *why;

	if (!cJSON_IsObject(item))
		return false;
	ready = cJSON_GetObjectItemCaseSensitive(item, "ready");
	close = cJSON_GetObjectItemCaseSensitive(item, "close");
	why = cJSON_GetObjectItemCaseSensitive(item, "why");
	if (!cJSON_IsBool(ready) || (close && !cJSON_IsBool(close)))
		return false;
	message->ready = cJSON_IsTrue(ready);
	message->close = cJSON_IsTrue(close);
	return !why || read_text(why, message);
}

static bool read_payload(const struct variant *variant, const char *text,
                         const struct scan_token *token, const cJSON *item, struct message *message)
{
	if (token->type == SCAN_STRING && token->count > 0 && variant->payload != TEXT)
		return false; /* the string holds a NUL, where cJSON ends it */
	switch (variant->payload) {
	case PORT:
		return read_u16(text, token, &message->port);
	case OBJECT:
	case EXTENSION:
		return read_object(variant, text, token, item, message);
	case TEXT:
		return read_text(item, message);
	case ITEM:
		return read_text(item, message) && about_is_item(message->text);
	case ID:
		return read_id(item, message);
	case VISITOR:
		return read_visitor(item, message);
	case USER:
		return read_user(item, message);
	case STANDING:
		return read_standing(item, message);
	case NOTHING:
		return cJSON_IsNull(item);
	}
	return false;
}

bool message_parse(enum message_direction direction, const char *text, size_t len,
                   struct message *message_out)
{
	struct scan_token tokens[MAX_TOKENS + 1] = { 0 };
	struct scan_error error;
	const struct variant *variant = NULL;
	bool good = false;
	cJSON *tree;

	*message_out = (struct message){ 0 };
	if (len > FRAME_MAX || scan_json(text, len, tokens, MAX_TOKENS, &error) < 0)
		return false;
	tokens[MAX_TOKENS].start = UINT32_MAX; /* token_after stops here at the latest */
	tree = cJSON_ParseWithLength(text, len);
	if (!tree)
		return false;
	if (cJSON_IsString(tree)) {
		variant = find_variant(tree->valuestring, direction);
		good = variant && variant->payload == NOTHING && tokens[0].count == 0;
	} else if (cJSON_IsObject(tree) && tokens[0].count == 1) {
		variant = find_variant(tree->child->string, direction);
		good = variant && read_payload(variant, text, &tokens[2], tree->child, message_out);
	}
	if (good)
		message_out->type = variant->type;
	cJSON_Delete(tree);
	return good;
}

enum { PIECE_SIZE = 8 };

/* Writes the first character of the text as JSON, and returns the length of the piece. bytes: the
 * character's length in the text; 0: it is not UTF-8. */
static size_t escape_character(const char *text, size_t bytes, char piece_out[PIECE_SIZE])
{
	unsigned char first = (unsigned char)*text;
	int len;

	if (bytes == 0)
		len = snprintf(piece_out, PIECE_SIZE, "?");
	else if (first == '"' || first == '\\')
		len = snprintf(piece_out, PIECE_SIZE, "\\%c", first);
	else if (first < 0x20)
		len = snprintf(piece_out, PIECE_SIZE, "\\u%04x", first);
	else
		len = snprintf(piece_out, PIECE_SIZE, "%.*s", (int)bytes, text);
	return (size_t)len;
}

/* Writes the text as JSON. Never cuts a character or an escape. Bytes that are not UTF-8 become
 * '?'. */
static size_t put_text(char *out, size_t size, const char *text)
{
	size_t n = 0, left = strlen(text);

	while (left > 0) {
		char piece[PIECE_SIZE];
		size_t bytes = utf8_sequence(text, left);
		size_t len = escape_character(text, bytes, piece), step = bytes ? bytes : 1;

		if (n + len > size)
			break;
		memcpy(out + n, piece, len);
		n += len;
		text += step;
		left -= step;
	}
	return n;
}

static size_t put_routed(char *out, size_t size, const struct message *message)
{
	size_t n = 0;

	for (unsigned i = 0; i < message->n_routed; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%u", i ? "," : ",\"routed\":[",
		                      message->routed[i]);
	if (n > 0)
		n += (size_t)snprintf(out + n, size - n, "]");
	return n;
}

static size_t put_extension(char *out, size_t size, const char *name, const struct message *message)
{
	char id[UUID_TEXT_SIZE];
	size_t n = (size_t)snprintf(out, size, "{\"%s\":{\"heartbeat_ms\":%u", name, message->port);

	if (message->ahead)
		n += (size_t)snprintf(out + n, size - n, ",\"ahead\":%u", message->ahead);
	if (message->ahead && message->type == MESSAGE_EXTENDED) {
		uuid_format(&message->id, id);
		n += (size_t)snprintf(out + n, size - n, ",\"pass\":\"%s\"", id);
	}
	if (message->offers)
		n += (size_t)snprintf(out + n, size - n, ",\"offers\":%u", message->offers);
	if (message->wants)
		n += (size_t)snprintf(out + n, size - n, ",\"wants\":%u", message->wants);
	n += put_routed(out + n, size - n, message);
	return n + (size_t)snprintf(out + n, size - n, "}}");
}

/* Adds the text and the suffix behind the first n bytes. A text that does not fit is cut, so that
 * the suffix fits. Returns the new length. */
static size_t put_text_and_suffix(char *out, size_t n, const char *text, const char *suffix)
{
	size_t len = strlen(suffix);

	n += put_text(out + n, FRAME_MAX - n - len, text);
	memcpy(out + n, suffix, len + 1);
	return n + len;
}

static size_t put_object(char *out, size_t size, const struct variant *variant,
                         const struct message *message)
{
	static const struct uuid none;
	char ticket[UUID_TEXT_SIZE];
	size_t n = (size_t)snprintf(out, size, "{\"%s\":{\"%s\":%u", variant->name, variant->member,
	                            message->port);

	if (!uuid_equal(&message->pass, &none)) {
		uuid_format(&message->pass, ticket);
		n += (size_t)snprintf(out + n, size - n, ",\"ticket\":\"%s\"", ticket);
	}
	return n + (size_t)snprintf(out + n, size - n, "}}");
}

static size_t put_standing(char *out, size_t size, const char *name, const struct message *message)
{
	size_t n;

	if (message->ready)
		return (size_t)snprintf(out, size, "{\"%s\":{\"ready\":true}}", name);
	n = (size_t)snprintf(out, size, "{\"%s\":{\"ready\":false,\"close\":%s,\"why\":\"", name,
	                     message->close ? "true" : "false");
	return put_text_and_suffix(out, n, message->text, "\"}}");
}

size_t message_format(const struct message *message, char out[FRAME_MAX + 1])
{
	const struct variant *v = variants;
	char id[UUID_TEXT_SIZE], pass[UUID_TEXT_SIZE];
	size_t n;

	while (v->type != message->type)
		v++;
	switch (v->payload) {
	case NOTHING:
		n = (size_t)snprintf(out, FRAME_MAX + 1, "\"%s\"", v->name);
		break;
	case PORT:
		n = (size_t)snprintf(out, FRAME_MAX + 1, "{\"%s\":%u}", v->name, message->port);
		break;
	case OBJECT:
		n = put_object(out, FRAME_MAX + 1, v, message);
		break;
	case EXTENSION:
		n = put_extension(out, FRAME_MAX + 1, v->name, message);
		break;
	case ID:
		uuid_format(&message->id, id);
		n = (size_t)snprintf(out, FRAME_MAX + 1, "{\"%s\":\"%s\"}", v->name, id);
		break;
	case VISITOR:
		uuid_format(&message->id, id);
		n = (size_t)snprintf(out, FRAME_MAX + 1, "{\"%s\":{\"id\":\"%s\",\"from\":\"",
		                     v->name, id);
		n = put_text_and_suffix(out, n, message->text, "\"}}");
		break;
	case USER:
		uuid_format(&message->id, id);
		uuid_format(&message->pass, pass);
		n = (size_t)snprintf(out, FRAME_MAX + 1, "{\"%s\":{\"id\":\"%s\",\"pass\":\"%s\"}}",
		                     v->name, id, pass);
		break;
	case STANDING:
		n = put_standing(out, FRAME_MAX + 1, v->name, message);
		break;
	case TEXT:
	case ITEM:
	default:
		n = (size_t)snprintf(out, FRAME_MAX + 1, "{\"%s\":\"", v->name);
		n = put_text_and_suffix(out, n, message->text, "\"}");
		break;
	}
	out[n] = '\0';
	return n + 1;
}
