/* admission - the way of a guest to its tunnel, once this is known: the access lists, then the
 * tunnel's worker, where it is a visitor like any other. [worker] */
#ifndef CORE_ADMISSION_H
#define CORE_ADMISSION_H

struct choice_guest;
struct list;

/* Takes the guest, which is in no list, and whose visitor has the account of its tunnel. moving: of
 * guests whose streams have yet to leave this loop. */
void admission_start(struct choice_guest *guest, struct list *moving);
/* Ends all guests of the list: the worker closes. */
void admission_end_all(struct list *moving);

#endif
