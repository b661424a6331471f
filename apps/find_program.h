/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For programs that run others by their names. */
#ifndef DUNE_FIND_PROGRAM_H
#define DUNE_FIND_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where execvp() finds it. */
static inline bool find_program(const char *name, char *path, size_t size)
{
	const char *folders = getenv("PATH") ?: "/bin:/usr/bin";
	size_t len;

	if (strchr(name, '/'))
		return (size_t)snprintf(path, size, "%s", name) < size;
	for (;; folders += len + 1) {
		len = strcspn(folders, ":");
		if ((size_t)snprintf(path, size, "%.*s/%s", (int)len ?: 1,
				     len ? folders : ".", name) < size &&
		    !access(path, X_OK))
			return true;
		if (!folders[len])
			return false;
	}
}

#endif /* DUNE_FIND_PROGRAM_H */
