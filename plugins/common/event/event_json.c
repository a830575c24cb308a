#include "event_json.h"

#include "view.h"

/* Other programs need the address and the port by themselves. */
static void write_peer_port(struct json_writer *json, const spore_event *event)
{
	if (!event->peer.family)
		return;
	json_writer_key(json, "ip_port");
	json_writer_number(json, event->peer.port);
}

void event_json_write(struct json_writer *json, const spore_event *event)
{
	struct event_value value;

	json_writer_open(json, '{');
	for (unsigned i = 0; i < EVENT_FIELDS; i++) {
		event_look(event, (enum event_field)i, &value);
		/* EVENT_PEER is address and port in one text. JSON has them apart. */
		if (i == EVENT_PEER || value.kind == EVENT_NONE)
			continue;
		json_writer_key(json, event_field_name((enum event_field)i));
		if (value.kind == EVENT_NUMBER)
			json_writer_number(json, value.number);
		else
			json_writer_string(json, value.text);
		if (i == EVENT_IP)
			write_peer_port(json, event);
	}
	json_writer_close(json, '}');
}
