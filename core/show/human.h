/* human - amounts as people read them: "1.5 KiB", "2d02h". Also for the program that draws the
 * screen (screen/), so it needs nothing of the core. */
#ifndef CORE_HUMAN_H
#define CORE_HUMAN_H

/* Holds the text of any amount. A longer one is cut. */
enum { HUMAN_SIZE = 32 };

void human_bytes(double bytes, char out[HUMAN_SIZE]);
void human_age(double ms, char out[HUMAN_SIZE]);

#endif
