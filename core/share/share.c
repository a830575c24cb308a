#include "share/share.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "loop/loop.h"
#include "quota/account.h"

enum { SHUN_MS = 1000 };

struct share {
	struct list node; /* in table->all */
	struct share_table *table;
	atomic_uint refs;
	uint16_t port;
	pthread_mutex_t lock; /* of what follows */
	struct list members;  /* of struct share_member */
	unsigned n;
	bool had_members;
	const struct instance *last_by; /* the owner of the member that left last; compared only */
	uint64_t last_session;
	uint64_t places; /* bits of those that are taken */
	uint64_t turns;
	struct loop *home;
	struct loop_task *news;
	bool is_posted;
	struct sockets port_sockets; /* borrowed; none: it is not open */
};

void share_table_init(struct share_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
	list_init(&table->all);
}

void share_table_fini(struct share_table *table)
{
	pthread_mutex_destroy(&table->lock);
}

struct share *share_ref(struct share *share)
{
	atomic_fetch_add(&share->refs, 1);
	return share;
}

void share_unref(struct share *share)
{
	if (!share || atomic_fetch_sub(&share->refs, 1) > 1)
		return;
	pthread_mutex_destroy(&share->lock);
	free(share);
}

static struct share_member *member_at(struct list *node)
{
	return CONTAINER_OF(node, struct share_member, node);
}

/* The caller holds the table's lock. */
static struct share *share_of_port(struct share_table *table, uint16_t port)
{
	for (struct list *i = table->all.next; i != &table->all; i = i->next) {
		struct share *share = CONTAINER_OF(i, struct share, node);

		if (share->port == port)
			return share;
	}
	return NULL;
}

/* The caller holds the share's lock. After a reload, members may belong to the old instance and to
 * the new one for a while. */
static bool has_member_of(struct share *share, const struct instance *by, uint64_t session)
{
	for (struct list *i = share->members.next; i != &share->members; i = i->next) {
		const struct share_member *member = member_at(i);

		if (member->by == by && member->session == session)
			return true;
	}
	return false;
}

enum share_holder share_find(struct share_table *table, uint16_t port, const struct instance *by,
                             uint64_t session)
{
	enum share_holder holder = SHARE_OF_NOBODY;
	struct share *share;

	pthread_mutex_lock(&table->lock);
	share = share_of_port(table, port);
	if (share) {
		pthread_mutex_lock(&share->lock);
		holder = has_member_of(share, by, session) ? SHARE_OF_OWNER : SHARE_OF_OTHERS;
		pthread_mutex_unlock(&share->lock);
	}
	pthread_mutex_unlock(&table->lock);
	return holder;
}

/* ---- members ---- */

/* The caller holds the lock. */
static void tell_home(struct share *share)
{
	if (share->is_posted)
		return;
	share->is_posted = true;
	loop_post(share->home, share->news);
}

static unsigned first_free(uint64_t places)
{
	unsigned place = 0;

	while (places & UINT64_C(1) << place)
		place++;
	return place;
}

/* The caller holds the lock. The last member has left, and the share ends soon: until then, its
 * visitors still look for members, and may not find those of another owner. */
static bool may_revive(const struct share *share, const struct instance *by, uint64_t session)
{
	return share->last_by == by && share->last_session == session;
}

/* The caller holds the lock. */
static bool may_join(struct share *share, const struct instance *by, uint64_t session)
{
	if (share->n > 0)
		return has_member_of(share, by, session);
	return !share->had_members || may_revive(share, by, session);
}

/* The caller holds both locks. */
static enum share_result add_member(struct share *share, struct share_member *member,
                                    struct account *account)
{
	const struct principal *owner = account->principal;

	if (!may_join(share, owner->by, owner->session))
		return SHARE_FOREIGN;
	if (share->n == SHARE_MOST)
		return SHARE_FULL;
	member->place = first_free(share->places);
	member->share = share_ref(share);
	member->account = account_ref(account);
	member->by = owner->by;
	member->session = owner->session;
	member->is_ready = true;
	share->places |= UINT64_C(1) << member->place;
	share->n++;
	share->had_members = true;
	list_append(&share->members, &member->node);
	account_set_share(account, share_ref(share), member->place, share_unref);
	return SHARE_JOINED;
}

static struct share *new_share(struct share_table *table, uint16_t port)
{
	struct share *share = calloc(1, sizeof *share);

	if (!share)
		return NULL;
	share->table = table;
	share->port = port;
	atomic_init(&share->refs, 1);
	pthread_mutex_init(&share->lock, NULL);
	list_init(&share->members);
	list_append(&table->all, &share->node);
	return share;
}

/* The table's reference. The caller holds its lock. */
static void end_share(struct share *share)
{
	list_remove(&share->node);
	share_unref(share);
}

enum share_result share_join(struct share_table *table, uint16_t port, struct share_member *member,
                             struct account *account, const struct share_opener *opener)
{
	enum share_result result = SHARE_NO_MEMORY;
	struct share *share;

	pthread_mutex_lock(&table->lock);
	share = share_of_port(table, port);
	if (!share) {
		share = new_share(table, port);
		if (share && !opener->open(share, opener->arg)) {
			end_share(share);
			share = NULL;
			result = SHARE_NO_PORT;
		}
	}
	if (share) {
		pthread_mutex_lock(&share->lock);
		result = add_member(share, member, account);
		if (result == SHARE_JOINED)
			tell_home(share);
		pthread_mutex_unlock(&share->lock);
	}
	pthread_mutex_unlock(&table->lock);
	return result;
}

void share_set_home(struct share *share, struct loop *home, struct loop_task *news)
{
	share->home = home;
	share->news = news;
}

void share_set_port(struct share *share, const struct sockets *sockets)
{
	pthread_mutex_lock(&share->lock);
	share->port_sockets = *sockets;
	pthread_mutex_unlock(&share->lock);
}

struct sockets share_copy_port(struct share *share)
{
	struct sockets copies;

	pthread_mutex_lock(&share->lock);
	copies = sock_copy_all(&share->port_sockets);
	pthread_mutex_unlock(&share->lock);
	return copies;
}

bool share_take_news(struct share *share, void (*close)(void *arg), void *arg)
{
	struct share_table *table = share->table;
	bool is_over;

	pthread_mutex_lock(&table->lock);
	pthread_mutex_lock(&share->lock);
	share->is_posted = false;
	is_over = share->n == 0;
	pthread_mutex_unlock(&share->lock);
	if (is_over) {
		close(arg);
		end_share(share);
	}
	pthread_mutex_unlock(&table->lock);
	return is_over;
}

void share_leave(struct share_member *member)
{
	struct share *share = member->share;

	if (!share)
		return;
	pthread_mutex_lock(&share->lock);
	list_remove(&member->node);
	share->places &= ~(UINT64_C(1) << member->place);
	share->n--;
	share->last_by = member->by;
	share->last_session = member->session;
	tell_home(share);
	pthread_mutex_unlock(&share->lock);
	account_unref(member->account);
	member->share = NULL;
	share_unref(share);
}

/* The caller holds the lock. Members of another instance have yet to be judged again. */
static bool fits(const struct share_member *member, const struct instance *by, uint64_t session)
{
	struct share *share = member->share;

	for (struct list *i = share->members.next; i != &share->members; i = i->next) {
		const struct share_member *other = member_at(i);

		if (other != member && other->by == by && other->session != session)
			return false;
	}
	return true;
}

bool share_change_owner(struct share_member *member, const struct instance *by, uint64_t session)
{
	struct share *share = member->share;
	bool may_stay;

	pthread_mutex_lock(&share->lock);
	may_stay = fits(member, by, session);
	if (may_stay) {
		member->by = by;
		member->session = session;
	}
	pthread_mutex_unlock(&share->lock);
	return may_stay;
}

void share_change_account(struct share_member *member, struct account *account)
{
	struct share *share = member->share;
	struct account *old = member->account;

	pthread_mutex_lock(&share->lock);
	member->account = account_ref(account);
	pthread_mutex_unlock(&share->lock);
	account_unref(old);
}

void share_set_names(struct share_member *member, const uint64_t *names, size_t n)
{
	struct share *share = member->share;

	if (!share)
		return;
	pthread_mutex_lock(&share->lock);
	member->names = names;
	member->n_names = n;
	pthread_mutex_unlock(&share->lock);
}

/* The caller holds the lock. name: 0: any. */
static bool serves_name(const struct share_member *member, uint64_t name)
{
	for (size_t i = 0; name && i < member->n_names; i++) {
		if (member->names[i] == name)
			return true;
	}
	return !name;
}

void share_set_ready(struct share_member *member, bool is_ready, bool closes)
{
	struct share *share = member->share;

	pthread_mutex_lock(&share->lock);
	member->is_ready = is_ready;
	member->closes = closes;
	tell_home(share);
	pthread_mutex_unlock(&share->lock);
}

void share_shun(struct share_member *member)
{
	struct share *share = member->share;

	pthread_mutex_lock(&share->lock);
	member->shunned_ms = clock_ms() + SHUN_MS;
	pthread_mutex_unlock(&share->lock);
}

void share_set_leaving(struct share_member *member)
{
	struct share *share = member->share;

	pthread_mutex_lock(&share->lock);
	member->is_leaving = true;
	tell_home(share);
	pthread_mutex_unlock(&share->lock);
}

struct share_view share_look(struct share *share, uint64_t name)
{
	struct share_view view = { 0 };
	bool closes = false, is_served = false;

	pthread_mutex_lock(&share->lock);
	for (struct list *i = share->members.next; i != &share->members; i = i->next) {
		const struct share_member *member = member_at(i);

		if (!serves_name(member, name))
			continue;
		view.members++;
		view.staying += !member->is_leaving;
		view.able += member->is_ready && !member->is_leaving;
		is_served |= member->is_ready;
		closes |= !member->is_ready && member->closes;
	}
	pthread_mutex_unlock(&share->lock);
	view.closes = closes && !is_served;
	return view;
}

bool share_has_room(struct share *share, uint64_t name, unsigned most)
{
	bool has_room = false;

	pthread_mutex_lock(&share->lock);
	for (struct list *i = share->members.next; i != &share->members && !has_room; i = i->next)
		has_room = serves_name(member_at(i), name) &&
		           account_waiting(member_at(i)->account) < most;
	pthread_mutex_unlock(&share->lock);
	return has_room;
}

/* ---- the choice ---- */

/* Spreads the bits (the finalizer of SplitMix64). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* A source is an IPv4 address, or the first half of an IPv6 address. */
static uint64_t hash_source(const spore_addr *source)
{
	uint64_t bytes;

	memcpy(&bytes, source->ip + (source->family == 4 ? 8 : 0), sizeof bytes);
	return mix(bytes);
}

static uint64_t weight_of(const struct share_member *member, const spore_addr *source)
{
	return mix(hash_source(source) + (member->place + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

/* Does the member count the visitor already? */
static bool has_visitor(const struct share_member *member, const struct share_question *question)
{
	return question->of && account_is_of_tunnel_of(question->of, member->account);
}

/* Is `a` a better choice than `b`? */
static bool is_better(const struct share_member *a, const struct share_member *b, bool by_source,
                      const struct share_question *question)
{
	bool has_a = has_visitor(a, question), has_b = has_visitor(b, question);
	unsigned load_a = account_load(a->account) - has_a;
	unsigned load_b = account_load(b->account) - has_b;

	if (by_source)
		return weight_of(a, question->source) > weight_of(b, question->source);
	if (load_a == load_b && has_a != has_b)
		return has_a;
	return load_a != load_b ? load_a < load_b : a->turn < b->turn;
}

/* How good a member is before its load counts: 0 is best. */
static unsigned rank_of(const struct share_member *member, const struct share_question *question,
                        int64_t now_ms)
{
	bool is_full = question->most && account_waiting(member->account) >= question->most;
	bool is_able = member->is_ready && now_ms >= member->shunned_ms;

	return is_full * 4U + member->is_leaving * 2U + !is_able;
}

static bool is_sticky(struct share *share)
{
	for (struct list *i = share->members.next; i != &share->members; i = i->next) {
		if (member_at(i)->by_source)
			return true;
	}
	return false;
}

/* The caller holds the lock. */
static struct share_member *find_best(struct share *share, const struct share_question *question)
{
	bool by_source = is_sticky(share);
	struct share_member *best = NULL;
	int64_t now_ms = clock_ms();
	unsigned best_rank = 0;

	for (struct list *i = share->members.next; i != &share->members; i = i->next) {
		struct share_member *member = member_at(i);
		unsigned rank = rank_of(member, question, now_ms);

		if (question->tried & UINT64_C(1) << member->place ||
		    !serves_name(member, question->name) ||
		    (question->only_ready && (!member->is_ready || member->is_leaving)))
			continue;
		if (best && (rank > best_rank ||
		             (rank == best_rank && !is_better(member, best, by_source, question))))
			continue;
		best = member;
		best_rank = rank;
	}
	return best;
}

struct account *share_choose(struct share *share, const struct share_question *question)
{
	struct account *account = NULL;
	struct share_member *best;

	pthread_mutex_lock(&share->lock);
	best = find_best(share, question);
	if (best) {
		best->turn = ++share->turns;
		account = account_ref(best->account);
		account_expect(account, 1);
	}
	pthread_mutex_unlock(&share->lock);
	return account;
}
