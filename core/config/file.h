/* file - reads a configuration file into a JSON tree. [main] */
#ifndef CORE_FILE_H
#define CORE_FILE_H

struct diag;
struct files;
struct json;
struct json_doc;

/* Reads the file at `path` (also a pipe or a device) into the document and notes it in `files`.
 * `origin` names what gave the path ("--config"). Reports all mistakes, and returns the object as
 * far as it could be read. NULL: nothing could be read.
 *
 * *folder_out: the folder of a regular file, which relative paths start from; NULL for others. It
 * lives in the document. */
struct json *file_load(struct json_doc *doc, struct files *files, const char *path,
                       const char *origin, const char **folder_out, struct diag *diag);
/* Warns if the group of this file may write it. file_load does not warn, since the file may say in
 * which form to log. NULL is fine. */
void file_warn_of_modes(const char *path);

#endif
