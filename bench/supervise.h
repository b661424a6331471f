/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole programs whose system calls somebody looks at. */
#ifndef SUPERVISE_H
#define SUPERVISE_H

/**
 * find_part() - a file that is installed beside dune-measure
 * @name: of it
 * @path: for its path, of PATH_MAX bytes
 */
void find_part(const char *name, char *path);

/**
 * can_supervise() - can a program be run so?
 * @how: as rows have it
 *
 * Return: 0 or what cannot_run() returns.
 */
int can_supervise(const char *how);

/**
 * supervise() - go on as a program, or as what looks at its calls
 * @how: as rows have it: "Linux" for nobody who looks
 * @folder: where the program may write
 * @argv: the program, found by PATH, and its arguments
 *
 * All calls are let pass. Who looks at them, but for dune-sandbox, does nothing
 * else: this is the least that it can take.
 */
void supervise(const char *how, const char *folder, const char *const argv[])
	__attribute__((noreturn));

#endif /* SUPERVISE_H */
