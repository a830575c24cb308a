#include "protocol.h"

#include "http.h"
#include "socks.h"

enum talk_result protocol_begin(struct talk *talk)
{
	talk->phase = 0;
	talk->in_len = talk->out_len = 0;
	return talk->url->kind == PROXY_HTTP ? http_begin(talk) : socks_begin(talk);
}

enum talk_result protocol_take(struct talk *talk)
{
	return talk->url->kind == PROXY_HTTP ? http_take(talk) : socks_take(talk);
}
