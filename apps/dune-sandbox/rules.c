// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rules for files as they are given, made into what rights_to() looks at: paths
 * as the kernel has them, the longest first, and what is above them to be seen.
 */
#include "parse.h"

#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct rule *find_rule(struct policy *policy, const char *path)
{
	uint32_t i;

	for (i = 0; i < policy->rule_count; i++)
		if (!strcmp(&policy->text[policy->rules[i].path], path))
			return &policy->rules[i];
	return NULL;
}

/* @path: as the kernel has it */
static const char *put_rule(struct policy *policy, const char *path,
			    unsigned int rights, bool only)
{
	struct rule *rule = find_rule(policy, path);
	size_t length = strlen(path);

	if (rule) {
		/* who hides something means it, whatever else is said */
		rule->rights |= rights;
		if (rule->rights & RIGHT_HIDDEN)
			rule->rights = RIGHT_HIDDEN;
		rule->only &= only;
		return NULL;
	}
	if (policy->rule_count == RULES)
		return "too many rules";
	if (length >= TEXT_SIZE - policy->text_size)
		return "too much text in the rules";
	policy->rules[policy->rule_count++] = (struct rule) {
		.path = policy->text_size, .length = length,
		.rights = rights, .only = only,
	};
	memcpy(&policy->text[policy->text_size], path, length + 1);
	policy->text_size += length + 1;
	return NULL;
}

/* The kernel's name of a file; the last part of it need not be there. */
static bool real_path(const char *path, char *real)
{
	char parent[PATH_MAX], *slash;

	if (realpath(path, real))
		return true;
	if (errno != ENOENT || strlen(path) >= sizeof(parent))
		return false;
	strcpy(parent, path);
	slash = strrchr(parent, '/');
	if (!slash || !slash[1] || !strcmp(slash + 1, ".."))
		return false;
	*slash = '\0';
	if (!realpath(*parent ? parent : "/", real))
		return false;
	if (strlen(real) + strlen(slash + 1) + 2 > PATH_MAX)
		return false;
	if (strcmp(real, "/"))
		strcat(real, "/");
	strcat(real, slash + 1);
	return true;
}

/* Links on the way are to be seen, so that the way can be found. */
static const char *show_links(struct policy *policy, const char *path)
{
	char part[PATH_MAX], real[PATH_MAX];
	const char *slash = path, *why = NULL;
	struct stat stat;
	char *name;

	while (slash && !why) {
		slash = strchr(slash + 1, '/');
		snprintf(part, sizeof(part), "%.*s",
			 (int)(slash ? slash - path : (long)strlen(path)),
			 path);
		if (lstat(part, &stat) || !S_ISLNK(stat.st_mode))
			continue;
		name = strrchr(part, '/');
		*name++ = '\0';
		if (!realpath(*part ? part : "/", real) ||
		    strlen(real) + strlen(name) + 2 > sizeof(real))
			continue;
		if (strcmp(real, "/"))
			strcat(real, "/");
		why = put_rule(policy, strcat(real, name), RIGHT_LOOK, true);
	}
	return why;
}

static bool absolute(const char *path, char *whole, size_t size)
{
	char here[PATH_MAX];

	if (*path == '/')
		return (size_t)snprintf(whole, size, "%s", path) < size;
	return getcwd(here, sizeof(here)) &&
	       (size_t)snprintf(whole, size, "%s/%s", here, path) < size;
}

/**
 * add_rule() - give rights to a file and to all below it
 * @policy: the policy
 * @path: as a person writes it
 * @rights: RIGHT_*
 * @only: not to what is below
 *
 * Return: NULL; or what is wrong.
 */
const char *add_rule(struct policy *policy, const char *path,
		     unsigned int rights, bool only)
{
	char whole[PATH_MAX], real[PATH_MAX];

	if (!*path)
		return "a path is missing";
	if (!absolute(path, whole, sizeof(whole)))
		return "the path is too long";
	if (!real_path(whole, real))
		return strerror(errno);
	return put_rule(policy, real, rights, only) ?:
	       show_links(policy, whole);
}

/* A link by its own name, wherever it leads. */
const char *add_link(struct policy *policy, const char *path)
{
	return put_rule(policy, path, RIGHT_LOOK, true);
}

/* Of the rule that is for all below; 0: there is none. */
static unsigned int inherited(struct policy *policy, const char *path)
{
	const struct rule *best = NULL, *rule = policy->rules;
	uint32_t i;

	for (i = 0; i < policy->rule_count; i++, rule++) {
		const char *own = &policy->text[rule->path];

		if (rule->only || strncmp(path, own, rule->length) ||
		    (rule->length > 1 && path[rule->length] &&
		     path[rule->length] != '/'))
			continue;
		if (!best || rule->length > best->length)
			best = rule;
	}
	return best ? best->rights : 0;
}

/* What is above: it can be seen, and has what it would have without. */
static const char *show_above(struct policy *policy, const char *path)
{
	char part[PATH_MAX];
	const char *why = NULL;
	char *slash;

	snprintf(part, sizeof(part), "%s", path);
	while (!why && strcmp(part, "/")) {
		slash = strrchr(part, '/');
		slash[slash == part] = '\0';
		if (!find_rule(policy, part))
			why = put_rule(policy, part, RIGHT_LOOK |
				       (inherited(policy, part) &
					~RIGHT_HIDDEN), true);
	}
	return why;
}

static int longer_first(const void *a, const void *b)
{
	const struct rule *first = a, *second = b;

	return (int)second->length - (int)first->length;
}

/* What /proc has is known by its name: where it is as well, it is not. */
static const char *hide_other_proc(struct policy *policy)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;
	const char *why = NULL;

	while (mounts && !why && (mount = getmntent(mounts)))
		if (!strcmp(mount->mnt_type, "proc") &&
		    strcmp(mount->mnt_dir, "/proc"))
			why = put_rule(policy, mount->mnt_dir, RIGHT_HIDDEN,
				       false);
	if (mounts)
		endmntent(mounts);
	return mounts ? why : "no /proc/self/mounts";
}

/* When there are all of them. Returns NULL, or what is wrong. */
const char *finish_rules(struct policy *policy)
{
	const char *why = hide_other_proc(policy);
	uint32_t i, given = policy->rule_count;

	for (i = 0; i < given && !why; i++)
		if (!(policy->rules[i].rights & RIGHT_HIDDEN))
			why = show_above(policy,
					 &policy->text[policy->rules[i].path]);
	for (i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].only)
			policy->rules[i].rights |= inherited(policy,
				&policy->text[policy->rules[i].path]) &
				~RIGHT_HIDDEN;
	qsort(policy->rules, policy->rule_count, sizeof(policy->rules[0]),
	      longer_first);
	return why;
}
