#include "link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One step of connecting, on a thread of the instance. Until it has ended, the link lives and its
 * route does not change. */
struct link_step {
	struct link *link;
	bool is_abandoned; /* the attempt has ended, so the step owns the connection */
	PGconn *conn;      /* NULL: this is the first step, which makes it */
	PostgresPollingStatusType wants;
};

static void on_io(void *arg, uint32_t events);

/* Joins the lines of libpq's text by semicolons. */
void link_explain(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; text && *text && n + 3 < size; text++) {
		if (*text != '\n' && *text != '\t')
			out[n++] = *text;
		else if (*text == '\n' && text[strspn(text, "\n\t ")]) {
			out[n++] = ';';
			out[n++] = ' ';
		}
	}
	out[n] = '\0';
	if (n == 0)
		snprintf(out, size, "the connection has ended");
}

/* ---- what is waited for ---- */

static void unwatch(struct link *link)
{
	link->host->io_stop(link->io);
	link->io = (spore_io){ 0 };
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->events = 0;
}

static bool watch(struct link *link, uint32_t events)
{
	if (link->events == events)
		return true;
	link->events = events;
	if (link->fd >= 0)
		return link->host->io_update(link->io, events) == SPORE_OK;
	link->fd = fcntl(PQsocket(link->conn), F_DUPFD_CLOEXEC, 0);
	return link->fd >= 0 && link->host->io_start(link->worker, link->fd, events, on_io, link,
	                                             &link->io) == SPORE_OK;
}

/* ---- the end of an attempt ---- */

static void close_connection(struct link *link)
{
	unwatch(link);
	if (link->step)
		link->step->is_abandoned = true;
	else
		PQfinish(link->conn);
	link->conn = NULL;
	link->expected = 0;
	link->host->timer_stop(link->again);
	link->again = (spore_timer){ 0 };
	link->host->resolve_stop(link->resolve);
	link->resolve = (spore_resolve){ 0 };
	link->generation++;
}

static int64_t pause_of(const struct link *link)
{
	unsigned doublings = link->failures > 1 ? link->failures - 1 : 0;
	int64_t pause = doublings < 8 ? (int64_t)LINK_PAUSE_MIN_MS << doublings : LINK_PAUSE_MAX_MS;
	uint8_t random = 0;

	if (pause > LINK_PAUSE_MAX_MS)
		pause = LINK_PAUSE_MAX_MS;
	link->host->random(&random, sizeof random);
	/* A random part, from a half to all of the pause, so that the workers do not all connect at
	 * once. */
	return pause / 2 + pause * random / 510;
}

/* Ends the attempt or the connection, and begins the pause. */
static void fail(struct link *link, const char *why)
{
	bool was_ready = link->stage == LINK_READY;
	bool has_lasted = was_ready && link->host->now_ms() - link->ready_ms > LINK_PAUSE_MAX_MS;

	close_connection(link);
	link->stage = LINK_IDLE;
	link->failures = has_lasted ? 1 : link->failures + 1;
	link->host->timer_update(link->timer, pause_of(link), 0);
	link->on_lost(link->arg, why, was_ready);
}

/* Fails for the reason that libpq gives. */
static void fail_by_libpq(struct link *link)
{
	char why[LINK_WHY_MAX];

	link_explain(PQerrorMessage(link->conn), why, sizeof why);
	fail(link, why);
}

void link_give_up(struct link *link, const char *why)
{
	if (link->stage != LINK_IDLE)
		fail(link, why);
}

/* ---- results ---- */

/* Passes on the results that have come. False: the connection has ended, or the rest is taken in
 * the next turn. */
static bool take_results(struct link *link)
{
	unsigned generation = link->generation;

	for (int n = 0; link->expected; n++) {
		PGresult *result;
		bool is_end;

		PQsetSingleRowMode(link->conn); /* does nothing within a result */
		if (PQisBusy(link->conn))
			return true;
		if (n == LINK_RESULTS_MAX) {
			link->host->timer_update(link->timer, 0, 0);
			return false;
		}
		result = PQgetResult(link->conn);
		is_end = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		if (is_end)
			link->expected--;
		if (result)
			link->on_result(link->arg, is_end ? NULL : result);
		PQclear(result);
		if (link->generation != generation)
			return false;
	}
	return true;
}

static void take_notices(struct link *link)
{
	unsigned generation = link->generation;
	PGnotify *notice;

	PQisBusy(link->conn); /* reads what has arrived, also between queries */
	while (link->generation == generation && (notice = PQnotifies(link->conn)) != NULL) {
		if (link->on_notice)
			link->on_notice(link->arg, notice->extra);
		PQfreemem(notice);
	}
}

static void flush(struct link *link)
{
	int left = PQflush(link->conn);

	if (left < 0)
		fail_by_libpq(link);
	else if (!watch(link, SPORE_READ | (left ? (uint32_t)SPORE_WRITE : 0)))
		fail(link, "out of memory or descriptors");
}

static void take_all(struct link *link)
{
	unsigned generation = link->generation;

	if (take_results(link))
		take_notices(link);
	if (link->generation != generation)
		return;
	if (PQstatus(link->conn) == CONNECTION_BAD)
		fail_by_libpq(link);
	else
		flush(link);
}

static void receive(struct link *link)
{
	if (PQconsumeInput(link->conn))
		take_all(link);
	else
		fail_by_libpq(link);
}

/* ---- queries ---- */

static bool end_query(struct link *link, int sent)
{
	unsigned generation = link->generation;

	if (!sent || !PQpipelineSync(link->conn)) {
		fail_by_libpq(link);
		return false;
	}
	link->expected++;
	flush(link);
	return link->generation == generation;
}

static bool is_open(const struct link *link)
{
	return link->stage == LINK_SET_UP || link->stage == LINK_READY;
}

bool link_query(struct link *link, const struct link_query *query)
{
	int n = query->param != NULL;

	if (!is_open(link))
		return false;
	return end_query(link, query->statement
	                               ? PQsendQueryPrepared(link->conn, query->statement, n,
	                                                     &query->param, NULL, NULL, 0)
	                               : PQsendQueryParams(link->conn, query->text, n, NULL,
	                                                   &query->param, NULL, NULL, 0));
}

bool link_prepare(struct link *link, const char *statement, const char *text)
{
	if (!is_open(link))
		return false;
	return end_query(link, PQsendPrepare(link->conn, statement, text, 0, NULL) &&
	                               PQsendDescribePrepared(link->conn, statement));
}

void link_become_ready(struct link *link)
{
	link->stage = LINK_READY;
	link->ready_ms = link->host->now_ms();
}

/* ---- connecting ---- */

static void become_open(struct link *link)
{
	if (PQsetnonblocking(link->conn, 1) != 0 || !PQenterPipelineMode(link->conn)) {
		fail_by_libpq(link);
		return;
	}
	link->stage = LINK_SET_UP;
	if (watch(link, SPORE_READ))
		link->on_open(link->arg);
	else
		fail(link, "out of memory or descriptors");
}

/* Does what libpq wants after a step. */
static void follow(struct link *link, PostgresPollingStatusType wants)
{
	bool good = true;

	if (!link->conn) {
		fail(link, "out of memory");
		return;
	}
	switch (wants) {
	case PGRES_POLLING_READING:
		good = watch(link, SPORE_READ);
		break;
	case PGRES_POLLING_WRITING:
		good = watch(link, SPORE_WRITE);
		break;
	case PGRES_POLLING_OK:
		become_open(link);
		break;
	default:
		fail_by_libpq(link);
		break;
	}
	if (!good)
		fail(link, "out of memory or descriptors");
}

/* libpq would print notices by default. */
static void ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static void start_connection(struct link_step *step)
{
	const struct link_route *route = &step->link->route;
	struct target_params params;

	target_write(step->link->target, route->hosts, route->addresses, route->ports, &params);
	step->conn = PQconnectStartParams(params.keywords, params.values, 0);
	if (!step->conn || PQstatus(step->conn) == CONNECTION_BAD)
		return;
	PQsetNoticeReceiver(step->conn, ignore_notice, NULL);
	step->wants = PGRES_POLLING_WRITING;
}

/* [blocking] */
static void run_step(void *arg)
{
	struct link_step *step = arg;

	if (step->conn)
		step->wants = PQconnectPoll(step->conn);
	else
		start_connection(step);
}

static void on_step(void *arg)
{
	struct link_step *step = arg;
	struct link *link = step->link;

	link->step = NULL;
	if (step->is_abandoned) {
		PQfinish(step->conn);
	} else {
		link->conn = step->conn;
		follow(link, step->wants);
	}
	free(step);
}

static void take_step(struct link *link);

static void on_again(void *arg)
{
	struct link *link = arg;

	link->host->timer_stop(link->again);
	link->again = (spore_timer){ 0 };
	take_step(link);
}

/* Hands the next step to a thread. False: none is free, or memory is used up. */
static bool offload_step(struct link *link)
{
	struct link_step *step = calloc(1, sizeof *step);

	if (!step)
		return false;
	*step = (struct link_step){ .link = link,
		                    .conn = link->conn,
		                    .wants = PGRES_POLLING_FAILED };
	if (link->host->offload(link->worker, run_step, on_step, step) != SPORE_OK) {
		free(step);
		return false;
	}
	link->step = step;
	return true;
}

/* If no thread is free, as while many passwords are hashed, tries again soon. */
static void take_step(struct link *link)
{
	unwatch(link); /* the step may open another socket */
	if (offload_step(link))
		return;
	if (link->host->timer_start(link->worker, LINK_PAUSE_MIN_MS, 0, on_again, link,
	                            &link->again) != SPORE_OK)
		fail(link, "out of memory");
}

static void on_io(void *arg, uint32_t events)
{
	struct link *link = arg;

	(void)events;
	if (link->stage == LINK_CONNECT)
		take_step(link);
	else
		receive(link);
}

/* ---- host names ---- */

static void append(char *list, size_t size, const char *text, bool is_first)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%s%s", is_first ? "" : ",", text);
}

static void add_place(struct link *link, const struct target_host *place, const char *address)
{
	struct link_route *route = &link->route;

	if (route->n == LINK_ADDRESSES_MAX)
		return;
	append(route->hosts, sizeof route->hosts, place->host, !route->n);
	append(route->addresses, sizeof route->addresses, address, !route->n);
	append(route->ports, sizeof route->ports, place->port, !route->n);
	route->n++;
}

static void find_next(struct link *link);

static void on_resolved(void *arg, spore_status status, const spore_addr *addresses, size_t n)
{
	struct link *link = arg;
	const struct target_host *place = &link->target->hosts[link->next_host++];
	char text[INET6_ADDRSTRLEN];

	link->resolve = (spore_resolve){ 0 };
	for (size_t i = 0; status == SPORE_OK && i < n; i++) {
		bool is_4 = addresses[i].family == 4;

		if (inet_ntop(is_4 ? AF_INET : AF_INET6, addresses[i].ip + (is_4 ? 12 : 0), text,
		              sizeof text))
			add_place(link, place, text);
	}
	find_next(link);
}

/* Looks up the names one after the other, and then connects to all addresses in turn. */
static void find_next(struct link *link)
{
	const struct target *target = link->target;

	for (; link->next_host < target->n_hosts; link->next_host++) {
		const struct target_host *place = &target->hosts[link->next_host];

		if (!target_needs_address(place))
			add_place(link, place, place->address);
		else if (link->host->resolve(link->worker, place->host, 0, on_resolved, link,
		                             &link->resolve) == SPORE_OK)
			return; /* on_resolved() goes on with the next host */
	}
	if (!link->route.n) {
		fail(link, "its host name has no address, or cannot be looked up now");
		return;
	}
	link->stage = LINK_CONNECT;
	take_step(link);
}

static void begin_attempt(struct link *link)
{
	/* A step of an earlier attempt still holds a thread. One thread for each link is enough. */
	if (link->step) {
		link->host->timer_update(link->timer, pause_of(link), 0);
		return;
	}
	link->host->timer_update(link->timer, link->connect_ms, 0);
	link->stage = LINK_FIND;
	link->next_host = 0;
	link->route.n = 0;
	link->route.hosts[0] = link->route.addresses[0] = link->route.ports[0] = '\0';
	find_next(link);
}

/* The pause is over, a stage has taken too long, or the rest of many results is due. */
static void on_timer(void *arg)
{
	struct link *link = arg;

	if (link->stage == LINK_IDLE)
		begin_attempt(link);
	else if (link->stage == LINK_READY)
		take_all(link);
	else if (link->again.id)
		fail(link, "no thread was free in time (connect_timeout)");
	else
		fail(link, "PostgreSQL does not answer in time (connect_timeout)");
}

/* ---- start and stop ---- */

bool link_start(struct link *link)
{
	link->fd = -1;
	link->stage = LINK_IDLE;
	return link->host->timer_start(link->worker, 0, 0, on_timer, link, &link->timer) ==
	       SPORE_OK;
}

void link_stop(struct link *link)
{
	close_connection(link);
	link->host->timer_stop(link->timer);
	link->stage = LINK_IDLE;
}
