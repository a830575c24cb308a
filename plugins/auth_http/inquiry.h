/* inquiry - the JSON text that asks the service about one client: verify-request.schema.json. */
#ifndef INQUIRY_H
#define INQUIRY_H

#include "../common/client/claim.h"
#include "../common/json_writer.h"

/* Writes the text about this request. [worker] */
void inquiry_write(struct json_writer *json, const spore_host *host, const spore_auth_request *rq,
                   const struct claim *claim);

#endif
