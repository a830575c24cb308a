#include "inquiry.h"

#include <arpa/inet.h>
#include <stdio.h>

static void write_text(struct json_writer *json, const char *key, spore_str text)
{
	json_writer_key(json, key);
	json_writer_string(json, text);
}

static const char *name_of(uint32_t purpose)
{
	return purpose == SPORE_AUTH_CONTROL ? "control"
	       : purpose == SPORE_AUTH_DATA  ? "data"
	                                     : "renew";
}

static void write_challenge(struct json_writer *json, const uint8_t c[16])
{
	char uuid[37];

	snprintf(uuid, sizeof uuid,
	         "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", c[0], c[1],
	         c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11], c[12], c[13], c[14],
	         c[15]);
	write_text(json, "challenge", spore_cstr(uuid));
}

static void write_address(struct json_writer *json, const char *key, const spore_addr *addr)
{
	char ip[INET6_ADDRSTRLEN] = "";
	bool is_v4 = addr->family == 4;

	if (is_v4 || addr->family == 6)
		inet_ntop(is_v4 ? AF_INET : AF_INET6, addr->ip + (is_v4 ? 12 : 0), ip, sizeof ip);
	json_writer_key(json, key);
	json_writer_open(json, '{');
	write_text(json, "address", spore_cstr(ip));
	json_writer_key(json, "port");
	json_writer_number(json, addr->port);
	json_writer_close(json, '}');
}

/* What the transports say about the connection, by the names of the host's facts. */
static void write_transport(struct json_writer *json, const spore_host *host,
                            const spore_auth_request *rq)
{
	static const char *const facts[] = { "tls.version", "tls.sni", "x509.subject",
		                             "x509.sha256" };

	json_writer_key(json, "transport");
	json_writer_open(json, '{');
	json_writer_key(json, "secure");
	json_writer_bool(json, rq->secure);
	if (rq->channel_binding.len) {
		json_writer_key(json, "channel_binding");
		json_writer_hex(json, rq->channel_binding);
	}
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		spore_str value;

		if (host->conn_attr(rq->conn, facts[i], 0, &value))
			write_text(json, facts[i], value);
	}
	json_writer_close(json, '}');
}

static void write_client(struct json_writer *json, const spore_client_info *client)
{
	json_writer_key(json, "client");
	json_writer_open(json, '{');
	if (client->known & SPORE_CLIENT_PORT) {
		json_writer_key(json, "port");
		json_writer_number(json, client->port);
	}
	if (client->known & SPORE_CLIENT_ABOUT) {
		write_text(json, "tunnel", client->name);
		write_text(json, "version", client->version);
		json_writer_key(json, "hosts");
		json_writer_open(json, '[');
		for (size_t i = 0; i < client->n_hosts; i++)
			json_writer_string(json, client->hosts[i]);
		json_writer_close(json, ']');
		json_writer_key(json, "tags");
		json_writer_open(json, '[');
		for (size_t i = 0; i < client->n_tags; i++) {
			json_writer_open(json, '{');
			write_text(json, "key", client->tags[i].key);
			write_text(json, "value", client->tags[i].value);
			json_writer_close(json, '}');
		}
		json_writer_close(json, ']');
	}
	json_writer_close(json, '}');
}

void inquiry_write(struct json_writer *json, const spore_host *host, const spore_auth_request *rq,
                   const struct claim *claim)
{
	json_writer_open(json, '{');
	json_writer_key(json, "version");
	json_writer_number(json, 1);
	write_text(json, "purpose", spore_cstr(name_of(rq->purpose)));
	if (*claim->name)
		write_text(json, "name", spore_cstr(claim->name));
	write_challenge(json, rq->challenge);
	write_text(json, "answer", rq->answer);
	write_address(json, "peer", rq->peer);
	write_address(json, "local", rq->local);
	write_transport(json, host, rq);
	write_client(json, rq->client);
	if (rq->purpose == SPORE_AUTH_RENEW && rq->same_instance)
		write_text(json, "identity", rq->identity);
	json_writer_close(json, '}');
}
