#include "server_crowd.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "net/addr.h"

/* ---- coming ---- */

/* Somebody new, with nothing said and nothing heard. The buffers stay as they are: they are large.
 */
static void peer_init(struct peer *peer, int fd, bool visitor)
{
	size_t history = offsetof(struct peer, out_len);

	memset((char *)peer + history, 0, sizeof *peer - history);
	peer->fd = fd;
	peer->visitor = visitor;
	peer->deaf = false;
}

void crowd_init(struct crowd *crowd, struct house *house)
{
	crowd->house = house;
	crowd->book = (struct book){ .n_ids = 0 };
	for (int i = 0; i < CROWD_SIZE; i++)
		peer_init(&crowd->peers[i], -1, false);
}

/* 127.0.0.11 and up; small buffers, so that a deaf peer is soon felt. */
static int dial(const struct crowd *crowd, unsigned source, uint16_t port)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	spore_addr address = crowd->house->address;
	struct sockaddr_storage to;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), size = 4096;

	FUZZ_CHECK(fd >= 0);
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 10 + source % CROWD_SOURCES);
	address.port = port;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 }, sizeof(int));
	FUZZ_CHECK(bind(fd, (struct sockaddr *)&from, sizeof from) == 0);
	if (connect(fd, (struct sockaddr *)&to, addr_to_sockaddr(&address, &to)) < 0 &&
	    errno != EINPROGRESS) {
		close(fd); /* the port has closed meanwhile */
		return -1;
	}
	return fd;
}

void crowd_connect(struct crowd *crowd, unsigned who, unsigned source, bool polite)
{
	static const uint8_t greeting = HOUSE_XOR_GREETING;
	struct peer *peer = &crowd->peers[who];

	if (peer->fd >= 0)
		return;
	peer_init(peer, dial(crowd, source, HOUSE_CONTROL_PORT), false);
	if (polite && crowd->house->plan->coded)
		peer->out[peer->out_len++] = greeting;
}

void crowd_visit(struct crowd *crowd, unsigned who, unsigned source, unsigned which_port)
{
	uint16_t port = crowd->book.n_ports
	                        ? crowd->book
	                                  .ports[which_port % crowd->book.n_ports % CROWD_MAX_BOOK]
	                        : HOUSE_FIRST_PORT;

	if (crowd->peers[who].fd < 0)
		peer_init(&crowd->peers[who], dial(crowd, source, port), true);
}

/* ---- saying ---- */

static void append(struct crowd *crowd, struct peer *peer, const void *bytes, size_t len)
{
	uint8_t key = crowd->house->plan->coded && !peer->visitor ? HOUSE_XOR_KEY : 0;

	for (size_t i = 0; i < len && peer->out_len < CROWD_MAX_OUT; i++)
		peer->out[peer->out_len++] = ((const uint8_t *)bytes)[i] ^ key;
}

void crowd_say_bytes(struct crowd *crowd, unsigned who, const void *bytes, size_t len)
{
	crowd->peers[who].wild = true;
	append(crowd, &crowd->peers[who], bytes, len);
}

static void say(struct crowd *crowd, struct peer *peer, const struct message *message)
{
	char frame[FRAME_MAX + 1];

	append(crowd, peer, frame, message_format(message, frame));
}

/* As the plugin and bore do: HMAC-SHA256 under SHA-256 of the secret, in hexadecimal. */
static void compute_answer(const char *secret, const uint8_t challenge[16], char *out)
{
	uint8_t key[32], tag[32];

	FUZZ_CHECK(EVP_Digest(secret, strlen(secret), key, NULL, EVP_sha256(), NULL) == 1);
	FUZZ_CHECK(HMAC(EVP_sha256(), key, sizeof key, challenge, 16, tag, NULL));
	for (int i = 0; i < 32; i++)
		sprintf(out + 2 * i, "%02x", tag[i]);
}

static void say_answer(struct crowd *crowd, struct peer *peer, enum phrase phrase, unsigned which)
{
	const struct house_plan *plan = crowd->house->plan;
	const struct peer *other = &crowd->peers[which % CROWD_SIZE];
	const uint8_t *challenge = phrase == SAY_REPLAYED ? other->challenge : peer->challenge;
	const char *answer = plan->n_answers ? plan->answers[which % plan->n_answers] : "";
	struct message message = { .type = MESSAGE_AUTHENTICATE };
	bool own = memcmp(challenge, peer->challenge, 16) == 0;

	if (plan->hmac)
		compute_answer(answer, challenge, message.text);
	else
		strcpy(message.text, answer);
	for (char *c = message.text; phrase == SAY_RIGHT_BIG && *c; c++)
		*c = (char)toupper((unsigned char)*c);
	if (phrase == SAY_ALMOST)
		message.text[which % 64] ^= 1;
	if (phrase != SAY_ALMOST && own && plan->n_answers)
		peer->rights |= 1u << which % plan->n_answers;
	say(crowd, peer, &message);
}

static void say_wrong(struct crowd *crowd, struct peer *peer, unsigned which)
{
	static const char *const wrong[] = {
		"", "x", "\"\\\x01\xc3\xa9",
		"00000000000000000000000000000000000000000000000000000000000000zz"
	};
	struct message message = { .type = MESSAGE_AUTHENTICATE };

	strcpy(message.text, wrong[which % 4]);
	say(crowd, peer, &message);
}

static void say_accept(struct crowd *crowd, struct peer *peer, unsigned which)
{
	struct message message = { .type = MESSAGE_ACCEPT };

	if (crowd->book.n_ids) {
		unsigned at = (crowd->book.n_ids - 1 - which % CROWD_MAX_BOOK) % CROWD_MAX_BOOK;

		message.id = crowd->book.ids[at];
		peer->asked |= crowd->book.owners[at];
	}
	peer->wants = true;
	say(crowd, peer, &message);
}

/* What only the server says. */
static void say_back(struct crowd *crowd, struct peer *peer, unsigned which)
{
	static const enum message_type types[] = { MESSAGE_CHALLENGE, MESSAGE_CONNECTION,
		                                   MESSAGE_ERROR, MESSAGE_EXTENDED };

	say(crowd, peer, &(struct message){ .type = types[which % 4], .text = "no" });
}

static void say_junk(struct crowd *crowd, struct peer *peer, unsigned which)
{
	static const char long_frame[FRAME_MAX + 64] = "{\"Hello\":0}";
	static const struct {
		const char *bytes;
		size_t len;
	} junk[] = {
		{ "", 1 },
		{ "{}", 3 },
		{ "{\"Hello\":65536}", 16 },
		{ "{\"Hello\":0", 10 },
		{ "\"Heartbeat\"\0\"Heartbeat\"", 24 },
		{ "{\"Accept\":\"\xff\"}", 15 },
	};
	char endless[FRAME_MAX + 64];

	if (which % 8 < 6) {
		append(crowd, peer, junk[which % 8].bytes, junk[which % 8].len);
		return;
	}
	memcpy(endless, long_frame, sizeof endless);
	memset(endless + 11, ' ', sizeof endless - 11);
	append(crowd, peer, endless, which % 8 == 6 ? FRAME_MAX : sizeof endless);
}

/* Few of them fit into what one client may say. */
static void say_about(struct crowd *crowd, struct peer *peer, unsigned which)
{
	static const char *const starts[] = { "name=",    "version=",  "host=a",
		                              "tag=env=", "tag=team=", "later=" };
	struct message message = { .type = MESSAGE_ABOUT };
	size_t n = strlen(strcpy(message.text, starts[which % 6]));

	memset(message.text + n, 'x', which % 50);
	say(crowd, peer, &message);
}

static void say_hello(struct crowd *crowd, struct peer *peer, enum message_type type,
                      unsigned which)
{
	static const uint16_t ports[] = {
		HOUSE_FIRST_PORT, 7837, HOUSE_LAST_PORT, HOUSE_CONTROL_PORT, 7836, 7839, 80, 65535
	};

	say(crowd, peer, &(struct message){ .type = type, .port = ports[which % 8] });
}

void crowd_say(struct crowd *crowd, unsigned who, enum phrase phrase, unsigned which)
{
	struct peer *peer = &crowd->peers[who];
	uint16_t pulse_ms = (uint16_t)(which * 100);

	switch (phrase) {
	case SAY_HELLO:
		say(crowd, peer, &(struct message){ .type = MESSAGE_HELLO });
		break;
	case SAY_HELLO_TO:
		say_hello(crowd, peer, MESSAGE_HELLO, which);
		break;
	case SAY_HELLO_EX:
		say_hello(crowd, peer, MESSAGE_HELLO_EX, which);
		break;
	case SAY_RIGHT:
	case SAY_RIGHT_BIG:
	case SAY_ALMOST:
	case SAY_REPLAYED:
		say_answer(crowd, peer, phrase, which);
		break;
	case SAY_WRONG:
		say_wrong(crowd, peer, which);
		break;
	case SAY_ACCEPT:
		say_accept(crowd, peer, which);
		break;
	case SAY_UNKNOWN:
		say(crowd, peer,
		    &(struct message){ .type = which % 2 ? MESSAGE_CLAIM : MESSAGE_ACCEPT,
		                       .id = { { (uint8_t)which } } });
		break;
	case SAY_EXTEND:
		peer->extends = true;
		say(crowd, peer, &(struct message){ .type = MESSAGE_EXTEND, .port = pulse_ms });
		break;
	case SAY_HEARTBEAT:
		say(crowd, peer, &(struct message){ .type = MESSAGE_HEARTBEAT });
		break;
	case SAY_BACK:
		say_back(crowd, peer, which);
		break;
	case SAY_ABOUT:
		say_about(crowd, peer, which);
		break;
	default:
		say_junk(crowd, peer, which);
		break;
	}
}

void crowd_send(struct crowd *crowd, unsigned who, size_t n)
{
	struct peer *peer = &crowd->peers[who];
	ssize_t sent = 0;

	if (n > peer->out_len)
		n = peer->out_len;
	if (peer->fd >= 0 && n > 0)
		sent = send(peer->fd, peer->out, n, MSG_NOSIGNAL);
	if (sent <= 0)
		return;
	peer->out_len -= (size_t)sent;
	memmove(peer->out, peer->out + sent, peer->out_len);
}

/* ---- leaving ---- */

void crowd_half_close(struct crowd *crowd, unsigned who)
{
	if (crowd->peers[who].fd >= 0)
		shutdown(crowd->peers[who].fd, SHUT_WR);
}

void crowd_leave(struct crowd *crowd, unsigned who, bool reset)
{
	struct peer *peer = &crowd->peers[who];

	if (peer->fd < 0)
		return;
	if (reset)
		setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
		           sizeof(struct linger));
	close(peer->fd);
	peer->fd = -1;
}

/* ---- listening ---- */

/* What may come to this peer, given what it has done. */
static void check_message(const struct peer *peer, const struct message *message)
{
	enum message_type type = message->type;

	FUZZ_CHECK(!peer->refused);
	FUZZ_CHECK(peer->hello || (type != MESSAGE_HEARTBEAT && type != MESSAGE_CONNECTION));
	FUZZ_CHECK(!peer->hello || (type != MESSAGE_HELLO && type != MESSAGE_CHALLENGE));
	if (type == MESSAGE_HELLO)
		FUZZ_CHECK(message->port >= HOUSE_FIRST_PORT && message->port <= HOUSE_LAST_PORT &&
		           message->port != HOUSE_CONTROL_PORT && message->port != 7836);
}

static void check_challenge(const struct crowd *crowd, const uint8_t challenge[16])
{
	for (int i = 0; i < CROWD_SIZE; i++)
		FUZZ_CHECK(memcmp(crowd->peers[i].challenge, challenge, 16) != 0);
}

static void take_message(struct crowd *crowd, struct peer *peer, const struct message *message)
{
	if (crowd->house->plan->hmac && !peer->rights)
		FUZZ_CHECK(message->type == MESSAGE_CHALLENGE || message->type == MESSAGE_ERROR);
	if (peer->wants)
		return; /* it may be a visitor's words */
	check_message(peer, message);
	if (message->type == MESSAGE_CHALLENGE) {
		check_challenge(crowd, message->id.bytes);
		memcpy(peer->challenge, message->id.bytes, 16);
	} else if (message->type == MESSAGE_HELLO) {
		peer->hello = true;
		crowd->book.ports[crowd->book.n_ports++ % CROWD_MAX_BOOK] = message->port;
	} else if (message->type == MESSAGE_CONNECTION) {
		crowd->book.owners[crowd->book.n_ids % CROWD_MAX_BOOK] = peer->rights;
		crowd->book.ids[crowd->book.n_ids++ % CROWD_MAX_BOOK] = message->id;
	} else if (message->type == MESSAGE_ERROR) {
		peer->refused = true;
	}
}

/* One byte more; a frame when it is whole. */
static void take_byte(struct crowd *crowd, struct peer *peer, uint8_t byte)
{
	bool bore = !peer->extends && !peer->wild;
	struct message message;
	bool good;

	if (peer->in_len <= FRAME_MAX)
		peer->in[peer->in_len++] = byte;
	if (byte != 0)
		return;
	good = peer->in[peer->in_len - 1] == 0 &&
	       message_parse(bore ? MESSAGE_TO_CLIENT : MESSAGE_TO_CLIENT_EXTENDED,
	                     (char *)peer->in, peer->in_len - 1, &message);
	peer->in_len = 0;
	FUZZ_CHECK(good || peer->wants || peer->wild);
	if (good)
		take_message(crowd, peer, &message);
	else
		FUZZ_CHECK(!crowd->house->plan->hmac ||
		           peer->rights & peer->asked); /* a visitor's */
}

static void take_bytes(struct crowd *crowd, struct peer *peer, const uint8_t *bytes, size_t len)
{
	bool coded = crowd->house->plan->coded;

	for (size_t i = 0; i < len; i++) {
		if (coded && !peer->greeted) {
			FUZZ_CHECK(bytes[i] == HOUSE_XOR_GREETING);
			peer->greeted = true;
			continue;
		}
		take_byte(crowd, peer, bytes[i] ^ (coded ? HOUSE_XOR_KEY : 0));
	}
}

void crowd_listen(struct crowd *crowd)
{
	for (int i = 0; i < CROWD_SIZE; i++) {
		struct peer *peer = &crowd->peers[i];
		uint8_t bytes[4096];
		ssize_t n;

		while (peer->fd >= 0 && !peer->deaf &&
		       (n = recv(peer->fd, bytes, sizeof bytes, 0)) > 0) {
			if (!peer->visitor)
				take_bytes(crowd, peer, bytes, (size_t)n);
		}
	}
}
