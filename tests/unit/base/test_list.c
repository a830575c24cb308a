#include "base/list.h"

#include "base/container.h"
#include "suite.h"

struct item {
	int number;
	struct list node;
};

static int sum_in_order(const struct list *head)
{
	int sum = 0;

	for (const struct list *i = head->next; i != head; i = i->next) {
		ck_assert_ptr_eq(i->next->prev, i);
		sum = sum * 10 + CONTAINER_OF(i, struct item, node)->number;
	}
	return sum;
}

START_TEST(appends_at_the_end)
{
	struct item items[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
	struct list head;

	list_init(&head);
	ck_assert(list_is_empty(&head));
	for (int i = 0; i < 3; i++)
		list_append(&head, &items[i].node);
	ck_assert(!list_is_empty(&head));
	ck_assert_int_eq(sum_in_order(&head), 123);
}
END_TEST

START_TEST(removes_anywhere_and_twice)
{
	struct item items[4] = {
		{ .number = 1 }, { .number = 2 }, { .number = 3 }, { .number = 4 }
	};
	struct list head;

	list_init(&head);
	for (int i = 0; i < 4; i++)
		list_append(&head, &items[i].node);
	list_remove(&items[1].node);
	list_remove(&items[1].node);
	ck_assert_int_eq(sum_in_order(&head), 134);
	list_remove(&items[0].node);
	list_remove(&items[3].node);
	ck_assert_int_eq(sum_in_order(&head), 3);
	list_append(&head, &items[0].node);
	ck_assert_int_eq(sum_in_order(&head), 31);
	list_remove(&items[2].node);
	list_remove(&items[0].node);
	ck_assert(list_is_empty(&head));
}
END_TEST

START_TEST(a_node_of_no_list_may_be_removed)
{
	struct list node;

	list_init(&node);
	list_remove(&node);
	ck_assert(list_is_empty(&node));
}
END_TEST

SUITE("list", appends_at_the_end, removes_anywhere_and_twice, a_node_of_no_list_may_be_removed)
