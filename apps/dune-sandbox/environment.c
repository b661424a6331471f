// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the program gets of the environment: what is named, and no secrets. */
#include "parse.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLES	256

static const char *const usual[] = {
	"HOME", "LANG", "LANGUAGE", "LC_*", "LOGNAME", "PATH", "PWD", "SHELL",
	"TERM", "TZ", "USER",
};

static const char *asked[VARIABLES];
static size_t asked_count;

/* "NAME", "NAME=VALUE", or the beginning of a name and an asterisk. */
const char *add_variable(const char *text)
{
	if (!*text || *text == '=')
		return "no name of a variable";
	if (asked_count == VARIABLES)
		return "too many variables";
	asked[asked_count++] = text;
	return NULL;
}

static bool is_called(const char *variable, const char *name)
{
	size_t length = strlen(name);

	if (length && name[length - 1] == '*')
		return !strncmp(variable, name, length - 1);
	return !strncmp(variable, name, length) && variable[length] == '=';
}

/* Has it a value of its own in what was asked for? */
static bool is_replaced(const char *variable)
{
	size_t i, length = strcspn(variable, "=");

	for (i = 0; i < asked_count; i++)
		if (!strncmp(asked[i], variable, length + 1))
			return true;
	return false;
}

static bool is_wanted(const char *variable)
{
	size_t i;

	if (is_replaced(variable))
		return false;
	for (i = 0; i < ARRAY_SIZE(usual); i++)
		if (is_called(variable, usual[i]))
			return true;
	for (i = 0; i < asked_count; i++)
		if (is_called(variable, asked[i]))
			return true;
	return false;
}

/**
 * make_environment() - the environment of the program
 * @environment: that of this process
 *
 * Return: it, to be kept; NULL without memory.
 */
char **make_environment(char **environment)
{
	size_t count = asked_count, i, next = 0;
	char **own;

	for (i = 0; environment[i]; i++)
		count++;
	own = calloc(count + 1, sizeof(*own));
	if (!own)
		return NULL;
	for (i = 0; environment[i]; i++)
		if (is_wanted(environment[i]))
			own[next++] = environment[i];
	for (i = 0; i < asked_count; i++)
		if (strchr(asked[i], '='))
			own[next++] = (char *)asked[i];
	return own;
}
