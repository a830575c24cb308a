/*
 * The protocol between the load generator and the service, end to end through a tunnel.
 *
 * One port serves every mode, so that a tunnel needs a single forwarding: the first byte a visitor
 * sends names the mode. Numbers are 8 bytes, little endian.
 *
 *   WIRE_SINK    then bytes until the visitor's half-close; the service answers with how many came
 *   WIRE_SOURCE  then how many bytes are wanted (0: until the visitor's half-close); bytes follow
 *   WIRE_ECHO    then anything; it comes back
 *   WIRE_CHURN   is the first of WIRE_MESSAGE bytes; every byte comes back inverted, then the end
 *   WIRE_RECORD  begins a record of TLS, such as a ClientHello, that is skipped; then another mode
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdint.h>

#define WIRE_SINK    'S'
#define WIRE_SOURCE  'G'
#define WIRE_ECHO    'E'
#define WIRE_CHURN   'C'
#define WIRE_RECORD  0x16

#define WIRE_NUMBER  8u
#define WIRE_MESSAGE 64u

/* Bytes of a record of TLS ahead of its content; the last two are the length of the content. */
#define WIRE_RECORD_HEAD 5u

static inline void wire_put_number(uint8_t *at, uint64_t number)
{
	for (unsigned i = 0; i < WIRE_NUMBER; i++)
		at[i] = (uint8_t)(number >> (8 * i));
}

static inline uint64_t wire_get_number(const uint8_t *at)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < WIRE_NUMBER; i++)
		number |= (uint64_t)at[i] << (8 * i);
	return number;
}

/* The churn question of one connection. Each number gives another text, so that an answer which
 * was meant for another connection is seen as wrong. */
static inline void wire_question(uint64_t number, uint8_t *message_out)
{
	message_out[0] = WIRE_CHURN;
	wire_put_number(message_out + 1, number);
	for (unsigned i = 1 + WIRE_NUMBER; i < WIRE_MESSAGE; i++)
		message_out[i] = (uint8_t)(number * 31 + i * 7);
}

/* Inverted, not echoed: a tunnel that reflects the visitor's bytes must not pass. */
static inline void wire_answer(uint8_t *message)
{
	for (unsigned i = 0; i < WIRE_MESSAGE; i++)
		message[i] = (uint8_t)~message[i];
}

#endif
