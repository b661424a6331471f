/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a policy comes about, before anything is confined. */
#ifndef DUNE_SANDBOX_PARSE_H
#define DUNE_SANDBOX_PARSE_H

#include "policy.h"

#include <stddef.h>

/**
 * struct setting - one line of a policy, or one option
 * @keyword: what it is about
 * @value: the rest of the line, or NULL
 */
struct setting {
	const char *keyword, *value;
};

/* parse.c: each returns NULL, or what is wrong */
const char *policy_add(struct policy *policy, const struct setting *setting);
const char *policy_read(struct policy *policy, const char *path,
			unsigned int *line);
const char *policy_preset(struct policy *policy);
void policy_begin(struct policy *policy);

/* rules.c */
const char *add_rule(struct policy *policy, const char *path,
		     unsigned int rights, bool only);
const char *add_link(struct policy *policy, const char *path);
const char *finish_rules(struct policy *policy);

/* environment.c */
const char *add_variable(const char *text);
char **make_environment(char **environment);

#endif /* DUNE_SANDBOX_PARSE_H */
