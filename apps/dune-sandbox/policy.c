// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the policy says of one file, or of one address. */
#include "sandbox.h"

static bool covers(const struct policy *policy, const struct rule *rule,
		   const char *path)
{
	const char *rest = text_after(path, &policy->text[rule->path]);

	if (!rest)
		return false;
	if (!*rest)
		return true;
	/* the root's path ends with a slash itself */
	return !rule->only && (*rest == '/' || rule->length == 1);
}

/**
 * rights_to() - what may be done with a file
 * @policy: rules in it have the longest paths first
 * @path: as the kernel has it
 *
 * Return: RIGHT_*, of the rule with the longest path that covers it.
 */
unsigned int rights_to(const struct policy *policy, const char *path)
{
	const struct rule *rule = policy->rules;
	uint32_t i;

	for (i = 0; i < policy->rule_count; i++, rule++)
		if (covers(policy, rule, path))
			return rule->rights;
	return 0;
}

/**
 * has_rule_below() - is something below a path treated in another way
 * @policy: the policy
 * @path: of a directory
 *
 * If it had another name, so would what the rule is about.
 */
bool has_rule_below(const struct policy *policy, const char *path)
{
	uint32_t i;

	for (i = 0; i < policy->rule_count; i++) {
		const char *own = &policy->text[policy->rules[i].path];
		const char *rest = text_after(own, path);

		if (rest && *rest == '/')
			return true;
	}
	return false;
}

static bool is_in(const struct address *address, const struct in6_addr *in6)
{
	unsigned int whole = address->bits / 8, rest = address->bits % 8;

	if (memcmp(&address->in6, in6, whole))
		return false;
	return !rest || !((address->in6.s6_addr[whole] ^ in6->s6_addr[whole]) >>
			  (8 - rest));
}

/**
 * may_talk_to() - may it have to do with an address of a network
 * @policy: the policy
 * @in6: the address; of IPv4 as ::ffff:a.b.c.d
 * @port: in the machine's order of bytes
 */
bool may_talk_to(const struct policy *policy, const struct in6_addr *in6,
		 uint16_t port)
{
	const struct address *address = policy->addresses;
	uint32_t i;

	for (i = 0; i < policy->address_count; i++, address++)
		if (is_in(address, in6) &&
		    (!address->port || address->port == port))
			return true;
	return false;
}

/* With anybody at all? */
bool may_talk(const struct policy *policy)
{
	return policy->address_count;
}
