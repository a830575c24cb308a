#include "sieve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCE = 0x30, INTEGER = 0x02 };

/* The results of a bind, of a search and of StartTLS. */
static bool is_result(uint8_t tag)
{
	static const uint8_t tags[] = { 0x61, 0x64, 0x65, 0x73, 0x78 };

	return memchr(tags, tag, sizeof tags) != NULL;
}

/* ---- the head of a message: SEQUENCE, length, INTEGER, length 1 to 4, number, tag ---- */

/* How many bytes a length has that begins with this one. 0: it is wrong, or has more than 4 bytes
 * behind the first. */
static unsigned length_size(uint8_t first)
{
	if (first < 0x80)
		return 1;
	return first > 0x80 && first <= 0x84 ? first - 0x80u + 1 : 0;
}

static uint32_t read_number(const uint8_t *bytes, unsigned n)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* The size of a head of which the first n bytes have come: at least so many bytes are needed, and
 * they tell whether it has more. 0: it is wrong. */
static unsigned head_size(const uint8_t *head, unsigned n)
{
	unsigned length_bytes = n >= 2 ? length_size(head[1]) : 1;
	unsigned integer_at = 1 + length_bytes;

	if ((n >= 1 && head[0] != SEQUENCE) || length_bytes == 0)
		return 0;
	if (n < integer_at + 2)
		return integer_at + 2;
	if (head[integer_at] != INTEGER || head[integer_at + 1] < 1 || head[integer_at + 1] > 4)
		return 0;
	return integer_at + 2 + head[integer_at + 1] + 1;
}

/* Judges a whole head, and sets how much of the message is left behind it. */
static bool judge_head(struct sieve *sieve)
{
	const uint8_t *head = sieve->head;
	unsigned length_bytes = length_size(head[1]), integer_at = 1 + length_bytes;
	uint32_t length = length_bytes == 1 ? head[1] : read_number(head + 2, length_bytes - 1);
	unsigned number_bytes = head[integer_at + 1];
	unsigned n_read = 2 + number_bytes + 1; /* bytes of the contents that the head has */
	bool is_negative = head[integer_at + 2] >= 0x80;

	/* 0 is the number of what nobody has asked for. */
	if (is_negative || read_number(head + integer_at + 2, number_bytes) == 0 ||
	    !is_result(head[sieve->n - 1]) || length < n_read || length > SIEVE_MESSAGE_MAX)
		return false;
	sieve->left = length - n_read;
	sieve->n = 0;
	return true;
}

static bool take_byte(struct sieve *sieve, uint8_t byte)
{
	unsigned size;

	sieve->head[sieve->n++] = byte;
	size = head_size(sieve->head, sieve->n);
	return size > sieve->n || (size == sieve->n && judge_head(sieve));
}

bool sieve_pass(struct sieve *sieve, const uint8_t *bytes, size_t n)
{
	while (n > 0 && !sieve->is_wrong) {
		if (sieve->left > 0) {
			uint32_t skipped = sieve->left < n ? sieve->left : (uint32_t)n;

			sieve->left -= skipped;
			bytes += skipped;
			n -= skipped;
			continue;
		}
		sieve->is_wrong = !take_byte(sieve, *bytes);
		bytes++;
		n--;
	}
	return !sieve->is_wrong;
}

/* ---- a layer of libldap's connection, above TLS ---- */

static int on_setup(Sockbuf_IO_Desc *layer, void *arg)
{
	layer->sbiod_pvt = arg;
	return 0;
}

static int on_remove(Sockbuf_IO_Desc *layer)
{
	free(layer->sbiod_pvt);
	layer->sbiod_pvt = NULL;
	return 0;
}

static int on_ctrl(Sockbuf_IO_Desc *layer, int option, void *arg)
{
	return LBER_SBIOD_CTRL_NEXT(layer, option, arg);
}

static ber_slen_t on_read(Sockbuf_IO_Desc *layer, void *out, ber_len_t size)
{
	ber_slen_t n = LBER_SBIOD_READ_NEXT(layer, out, size);

	if (n <= 0 || sieve_pass(layer->sbiod_pvt, out, (size_t)n))
		return n;
	errno = EPROTO;
	return -1;
}

static ber_slen_t on_write(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t size)
{
	ber_slen_t n = LBER_SBIOD_WRITE_NEXT(layer, bytes, size);

	/* It may be a password, and libldap would free it without wiping it. libldap does not need
	 * what has been written any more. */
	if (n > 0)
		explicit_bzero(bytes, (size_t)n);
	return n;
}

static int on_close(Sockbuf_IO_Desc *layer)
{
	(void)layer;
	return 0;
}

bool sieve_insert(LDAP *link)
{
	static Sockbuf_IO layer = { on_setup, on_remove, on_ctrl, on_read, on_write, on_close };
	struct sieve *sieve = calloc(1, sizeof *sieve);
	Sockbuf *buffer = NULL;

	if (sieve && ldap_get_option(link, LDAP_OPT_SOCKBUF, &buffer) == LDAP_OPT_SUCCESS &&
	    buffer && ber_sockbuf_add_io(buffer, &layer, LBER_SBIOD_LEVEL_APPLICATION, sieve) == 0)
		return true;
	free(sieve);
	return false;
}
