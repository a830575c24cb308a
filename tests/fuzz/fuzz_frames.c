/* fuzz_frames - the wire: bytes to frames to messages and back, in all directions. The input is
 * what a connection receives. */
#include "fuzz.h"
#include "wire/about.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "json/scan.h"

static const struct direction {
	enum message_direction direction;
	unsigned may_carry; /* bits of enum message_type */
} directions[] = {
	{ MESSAGE_TO_SERVER, 1u << MESSAGE_HELLO | 1u << MESSAGE_HELLO_EX |
	                             1u << MESSAGE_AUTHENTICATE | 1u << MESSAGE_ACCEPT |
	                             1u << MESSAGE_ABOUT | 1u << MESSAGE_AHEAD |
	                             1u << MESSAGE_CLAIM | 1u << MESSAGE_CARRY },
	{ MESSAGE_TO_CLIENT, 1u << MESSAGE_HELLO | 1u << MESSAGE_CHALLENGE |
	                             1u << MESSAGE_HEARTBEAT | 1u << MESSAGE_CONNECTION |
	                             1u << MESSAGE_ERROR },
	{ MESSAGE_TO_SERVER_EXTENDED, 1u << MESSAGE_EXTEND | 1u << MESSAGE_HEARTBEAT |
	                                      1u << MESSAGE_ABOUT | 1u << MESSAGE_DECLINE |
	                                      1u << MESSAGE_UNSERVED },
	{ MESSAGE_TO_CLIENT_EXTENDED, 1u << MESSAGE_HELLO | 1u << MESSAGE_CHALLENGE |
	                                      1u << MESSAGE_HEARTBEAT | 1u << MESSAGE_CONNECTION |
	                                      1u << MESSAGE_ERROR | 1u << MESSAGE_EXTENDED |
	                                      1u << MESSAGE_ACCEPTED },
};
enum { N_DIRECTIONS = sizeof directions / sizeof *directions };

/* message_format on a block that is exactly as long as it may need. */
static size_t format(const struct message *message, char frame_out[FRAME_MAX + 1])
{
	char *frame = malloc(FRAME_MAX + 1);
	size_t size;

	FUZZ_CHECK(frame);
	size = message_format(message, frame);
	FUZZ_CHECK(size >= 2 && size <= FRAME_MAX + 1);
	FUZZ_CHECK(memchr(frame, 0, size) == frame + size - 1);
	memcpy(frame_out, frame, size);
	free(frame);
	return size;
}

/* The text may have been cut to fit into a frame, since an escape may be longer than it was. */
static void check_same(const struct message *a, const struct message *b, size_t frame_size)
{
	FUZZ_CHECK(a->type == b->type && a->port == b->port && uuid_equal(&a->id, &b->id));
	FUZZ_CHECK(uuid_equal(&a->pass, &b->pass));
	FUZZ_CHECK(b->text_len <= a->text_len && memcmp(a->text, b->text, b->text_len) == 0);
	FUZZ_CHECK(b->text_len == a->text_len || frame_size > FRAME_MAX + 1 - 6);
}

static void check_message(const struct direction *d, const struct message *message)
{
	char frame[FRAME_MAX + 1], again[FRAME_MAX + 1];
	struct message second, third;
	size_t size;

	FUZZ_CHECK(d->may_carry & 1u << message->type);
	FUZZ_CHECK(message->text_len <= FRAME_MAX && strlen(message->text) == message->text_len);
	size = format(message, frame);
	FUZZ_CHECK(message_parse(d->direction, frame, size - 1, &second));
	check_same(message, &second, size);
	FUZZ_CHECK(format(&second, again) == size && memcmp(frame, again, size) == 0);
	FUZZ_CHECK(message_parse(d->direction, again, size - 1, &third));
	FUZZ_CHECK(memcmp(&second, &third, sizeof second) == 0);
}

/* Everything that one connection says about itself. */
static void check_about(struct about *about, const char *item)
{
	struct about copy;
	struct about_view view;
	size_t before = about->size, len = 0;

	FUZZ_CHECK(about_is_item(item));
	FUZZ_CHECK((about_add(about, item) == ABOUT_TAKEN) == (about->size > before));
	FUZZ_CHECK(about->size <= ABOUT_MAX && about_copy(about, &copy));
	about_look(&copy, &view);
	FUZZ_CHECK(view.info.n_hosts <= ABOUT_MOST && view.info.n_tags <= ABOUT_MOST);
	len = view.info.name.len + view.info.version.len;
	for (size_t i = 0; i < view.info.n_hosts; i++)
		len += view.hosts[i].len;
	for (size_t i = 0; i < view.info.n_tags; i++)
		len += view.tags[i].key.len + view.tags[i].value.len;
	FUZZ_CHECK(len <= about->size);
	about_fini(&copy);
}

static void check_text(struct about *about, const uint8_t *bytes, size_t len)
{
	char *text = fuzz_exact(bytes, len);
	struct scan_error error;
	struct message message;
	bool is_json = scan_json(text, len, NULL, 0, &error) >= 0;

	for (size_t i = 0; i < N_DIRECTIONS; i++) {
		if (!message_parse(directions[i].direction, text, len, &message))
			continue;
		FUZZ_CHECK(is_json && len <= FRAME_MAX);
		check_message(&directions[i], &message);
		if (message.type == MESSAGE_ABOUT)
			check_about(about, message.text);
	}
	free(text);
}

/* The front of what has come is a frame, too long for one, or not yet one. */
static void check_front(const uint8_t *bytes, size_t len, enum frame_state state, size_t frame_len)
{
	size_t ignored;

	if (state == FRAME_WHOLE) {
		FUZZ_CHECK(frame_len <= FRAME_MAX && frame_len < len);
		FUZZ_CHECK(memchr(bytes, 0, len) == bytes + frame_len);
		FUZZ_CHECK(frame_next(bytes, frame_len, &ignored) == FRAME_PARTIAL);
	} else {
		FUZZ_CHECK(!memchr(bytes, 0, len < FRAME_MAX + 1 ? len : FRAME_MAX + 1));
		FUZZ_CHECK((state == FRAME_TOO_LONG) == (len > FRAME_MAX));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum frame_state state = FRAME_WHOLE;
	struct about about = { .size = 0 };

	while (size > 0 && state == FRAME_WHOLE) {
		size_t len;

		state = frame_next(data, size, &len);
		check_front(data, size, state, len);
		/* The end of a connection ends its last frame, too. */
		if (state != FRAME_WHOLE)
			len = size < FRAME_MAX + 16 ? size : FRAME_MAX + 16;
		check_text(&about, data, len);
		if (state == FRAME_WHOLE) {
			data += len + 1;
			size -= len + 1;
		}
	}
	about_fini(&about);
	return 0;
}
