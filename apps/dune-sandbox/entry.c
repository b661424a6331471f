// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Before the C library begins. It would read some variables of the environment,
 * which behind execve() is what a program in ring 3 chose: they are made ones
 * that it does not know, until it has begun.
 *
 * What is here runs before the program's own addresses are known to it: no
 * pointers to constants, and no functions of the C library.
 */
#include "sandbox.h"

#define HIDDEN	'='	/* no name begins so */

/* Beginnings of their names. */
static const char known[][8] = { "GLIBC_", "LD_", "MALLOC_" };

static bool is_known(const char *variable, const char *name)
{
	unsigned int i;

	for (i = 1; name[i]; i++)
		if (variable[i] != name[i])
			return false;
	return true;
}

/* Where a known name begins with @from it then begins with @to; 0: its own. */
static inline void change(char **environment, char from, char to)
{
	unsigned int i;

	for (; *environment; environment++)
		for (i = 0; i < ARRAY_SIZE(known); i++) {
			char *variable = *environment;

			if (*variable != (from ?: known[i][0]) ||
			    !is_known(variable, known[i]))
				continue;
			*variable = to ?: known[i][0];
			break;
		}
}

/**
 * hide_variables() - of those that the C library knows
 * @stack: with which the process begins: argc, argv, NULL, envp, NULL
 */
void hide_variables(long *stack)
{
	change((char **)(stack + stack[0] + 2), 0, HIDDEN);
}

/**
 * show_variables() - undo that, when the C library has begun
 * @environment: of the process
 */
void show_variables(char **environment)
{
	change(environment, HIDDEN, 0);
}
