#include "upgrade/greeting.h"

#include <stdio.h>

#include "upgrade/protocol.h"
#include "json/json.h"

bool greeting_is_one(const struct json *message)
{
	return json_get(message, "protocol") != NULL;
}

bool greeting_read(const struct json *message, char version_out[GREETING_VERSION_SIZE],
                   struct err *err)
{
	const struct json *protocol = json_get(message, "protocol");
	const struct json *version = json_get(message, "version");
	bool is_number = protocol && protocol->type == JSON_NUMBER;

	snprintf(version_out, GREETING_VERSION_SIZE, "%s",
	         version && version->type == JSON_STRING ? version->raw : "");
	if (is_number && (int)protocol->number == PROTOCOL_VERSION)
		return true;
	err_set(err,
	        "the new program hands over by protocol %.20s, and this one by %d: restart the "
	        "server instead",
	        is_number ? protocol->raw : "?", PROTOCOL_VERSION);
	return false;
}
