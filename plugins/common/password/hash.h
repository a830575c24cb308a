/* hash - the hash of a password, as crypt(5) writes it: bcrypt, yescrypt or SHA-512. */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <spore/base.h>
#include <stdbool.h>

/* The longest text of a hash, without its NUL. */
enum { HASH_MAX = 255 };

/* NULL: this system's libxcrypt can verify it at a cost that a server can bear. Otherwise what was
 * expected and what was found; permanent. [any] */
const char *hash_fault(spore_str text);
/* What the hash sees of a password: bcrypt ignores what is behind 72 bytes. [any] */
spore_str hash_reads(const char *hash, const char *password);

enum hash_says { HASH_FAILED, HASH_RIGHT, HASH_WRONG };
/* Takes as long as the hash says. [blocking] */
enum hash_says hash_check(const char *hash, const char *password);

#endif
