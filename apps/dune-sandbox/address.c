// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Addresses of sockets, as ring 3 gives them. Each is copied, looked at, and the
 * copy is what the kernel gets. A name of AF_UNIX is a file's: the file is held,
 * and the kernel is told of it by way of /proc.
 *
 * A name that is no file's (abstract) is known to all of a network namespace,
 * so it is for those who may talk to everybody.
 */
#include "handlers.h"

#include <errno.h>

#define NO_FAMILY	"a family of addresses that it may not use"
#define NO_ADDRESS	"an address that it may not talk to"
#define NO_NAME		"an abstract name, which others know too"
#define NO_GROUPS	"more than questions to the kernel"

#define NAME_AT		offsetof(struct sockaddr_un, sun_path)

static struct in6_addr mapped(uint32_t in)
{
	struct in6_addr in6;

	in6.s6_addr32[0] = 0;
	in6.s6_addr32[1] = 0;
	in6.s6_addr32[2] = __builtin_bswap32(0xffff);
	in6.s6_addr32[3] = in;
	return in6;
}

/* With anybody, at any port? */
bool may_talk_to_all(void)
{
	const struct in6_addr in = mapped(0), in6 = { };

	return may_talk_to(policy, &in, 0) && may_talk_to(policy, &in6, 0);
}

/**
 * may_use_inet() - may it talk to, or be talked to at
 * @address: of AF_INET or AF_INET6
 */
bool may_use_inet(const struct sockaddr *address)
{
	const struct sockaddr_in6 *in6 = (const void *)address;
	const struct sockaddr_in *in = (const void *)address;
	struct in6_addr of_in;

	if (address->sa_family == AF_INET6)
		return may_talk_to(policy, &in6->sin6_addr,
				   __builtin_bswap16(in6->sin6_port));
	of_in = mapped(in->sin_addr.s_addr);
	return may_talk_to(policy, &of_in, __builtin_bswap16(in->sin_port));
}

static char *put_in(char *to, char *end, uint32_t in)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		to = text_put(to, end, i ? "." : "");
		to = text_put_number(to, end, in >> 8 * i & 0xff, 10);
	}
	return to;
}

static char *put_in6(char *to, char *end, const struct in6_addr *in6)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		to = text_put(to, end, i ? ":" : "[");
		to = text_put_number(to, end,
				     __builtin_bswap16(in6->s6_addr16[i]), 16);
	}
	return text_put(to, end, "]");
}

/**
 * refuse_inet() - refuse a call for its address, or learn that
 * @frame: the call
 * @address: of AF_INET or AF_INET6
 * @why: for people
 *
 * The log has the address as a rule that allows it does.
 *
 * Return: as refuse().
 */
long refuse_inet(const struct dune_frame *frame, const struct sockaddr *address,
		 const char *why)
{
	const struct sockaddr_in6 *in6 = (const void *)address;
	const struct sockaddr_in *in = (const void *)address;
	char text[64], *end = text + sizeof(text), *to = text;

	if (address->sa_family == AF_INET)
		to = put_in(to, end, in->sin_addr.s_addr);
	else
		to = put_in6(to, end, &in6->sin6_addr);
	/* the port is at the same place in both */
	if (in->sin_port) {
		to = text_put(to, end, ":");
		text_put_number(to, end, __builtin_bswap16(in->sin_port), 10);
	}
	learn_line("net", text);
	return refuse(frame, EACCES, why, text);
}

/*
 * To the kernel no address means this machine's own, and which of those it
 * takes depends on the socket: it is told.
 */
static void name_own(struct target *target)
{
	uint32_t *in6 = target->in6.sin6_addr.s6_addr32;

	if (target->any.sa_family == AF_INET) {
		if (target->in.sin_addr.s_addr == INADDR_ANY)
			target->in.sin_addr.s_addr =
				__builtin_bswap32(INADDR_LOOPBACK);
		return;
	}
	if (in6[0] | in6[1])
		return;
	if (!in6[2] && !in6[3])
		in6[3] = __builtin_bswap32(1);
	else if (in6[2] == __builtin_bswap32(0xffff) && !in6[3])
		in6[3] = __builtin_bswap32(INADDR_LOOPBACK);
}

/* One that the kernel chooses when something is sent, too. */
static bool is_any(const struct target *target)
{
	const uint32_t *in6 = target->in6.sin6_addr.s6_addr32;

	if (target->any.sa_family == AF_INET)
		return !target->in.sin_port && !target->in.sin_addr.s_addr;
	return !target->in6.sin6_port && !(in6[0] | in6[1] | in6[3]) &&
	       (!in6[2] || in6[2] == __builtin_bswap32(0xffff));
}

static long take_inet(const struct dune_frame *frame, struct target *target,
		      enum use use)
{
	int least = sizeof(target->in);

	if (target->any.sa_family == AF_INET6)
		least = offsetof(struct sockaddr_in6, sin6_scope_id);
	if (target->size < least)
		return -EINVAL;
	if (!may_talk(policy) && !(policy->flags & POLICY_LEARN))
		return refuse(frame, EACCES, NO_FAMILY, NULL);
	if (use == USE_BIND && is_any(target))
		return 0;
	if (use != USE_BIND)
		name_own(target);
	if (may_use_inet(&target->any))
		return 0;
	return refuse_inet(frame, &target->any, NO_ADDRESS);
}

/* What it has by the name of its descriptor, and perhaps a name in there. */
static long name_by_descriptor(struct target *target)
{
	char *end = target->un.sun_path + sizeof(target->un.sun_path);
	char path[DESCRIPTOR_PATH];
	char *to;

	descriptor_path(path, target->place.fd);
	to = text_put(target->un.sun_path, end, path);
	if (target->place.name[0]) {
		if (text_length(target->place.name) + 2 > (size_t)(end - to))
			return -ENAMETOOLONG;
		to = text_put(text_put(to, end, "/"), end, target->place.name);
	}
	target->size = to + 1 - (char *)&target->un;
	return 0;
}

static long take_name(const struct dune_frame *frame, struct target *target,
		      enum use use)
{
	char path[PATH_MAX];
	long err;

	/* it ends where the address does, if not before */
	((char *)&target->room)[target->size] = '\0';
	text_put(path, path + sizeof(path), target->un.sun_path);
	find_place(&target->place, AT_FDCWD, path,
		   use == USE_BIND ? PLACE_NEW : 0, 0);
	err = check_place(frame, &target->place, RIGHT_WRITE);
	if (!err)
		err = target->place.error;
	if (!err && use == USE_BIND && !target->place.name[0])
		err = -EADDRINUSE;
	return err ?: name_by_descriptor(target);
}

static long take_unix(const struct dune_frame *frame, struct target *target,
		      enum use use)
{
	/* without a name: the kernel makes one up, or says no */
	if (target->size <= (int)NAME_AT)
		return 0;
	if (target->size > (int)sizeof(target->un))
		return -EINVAL;
	if (target->un.sun_path[0])
		return take_name(frame, target, use);
	if (may_talk_to_all())
		return 0;
	learn_line("net", "all");
	return refuse(frame, EACCES, NO_NAME, NULL);
}

static long take_netlink(const struct dune_frame *frame, struct target *target,
			 enum use use)
{
	if (target->size < (int)sizeof(target->nl))
		return -EINVAL;
	if (!target->nl.nl_groups && (use == USE_BIND || !target->nl.nl_pid))
		return 0;
	return forbid(frame, EACCES, NO_GROUPS);
}

/*
 * Without a family the kernel ends a connection; but a socket of IPv4 binds, and
 * sends, as if it were its own.
 */
static long take_unspecified(const struct dune_frame *frame,
			     struct target *target, enum use use)
{
	long err;

	if (use == USE_CONNECT || target->size < (int)sizeof(target->in))
		return 0;
	if (!may_talk(policy))
		return -EAFNOSUPPORT;
	target->any.sa_family = AF_INET;
	err = take_inet(frame, target, use);
	target->any.sa_family = AF_UNSPEC;
	return err;
}

static long look_at(const struct dune_frame *frame, struct target *target,
		    enum use use)
{
	switch (target->any.sa_family) {
	case AF_UNSPEC:
		return take_unspecified(frame, target, use);
	case AF_UNIX:
		return take_unix(frame, target, use);
	case AF_INET:
	case AF_INET6:
		return take_inet(frame, target, use);
	case AF_NETLINK:
		return take_netlink(frame, target, use);
	default:
		return forbid(frame, EAFNOSUPPORT, NO_FAMILY);
	}
}

static void clear(struct target *target)
{
	uint64_t *word = (uint64_t *)&target->room;
	unsigned int i;

	for (i = 0; i < sizeof(target->room) / sizeof(*word); i++) {
		word[i] = 0;
		/* no call of memset() for it */
		asm volatile("" : : : "memory");
	}
}

/**
 * take_target() - copy an address, and see whether it may be used
 * @frame: of the call
 * @target: filled; to be put if there is no error
 * @from: where it is
 * @size: of it
 * @use: what for
 *
 * Return: 0 or a negative errno.
 */
long take_target(const struct dune_frame *frame, struct target *target,
		 uint64_t from, int size, enum use use)
{
	long err;

	target->place.fd = -1;
	target->size = size;
	clear(target);
	/* one byte is left for the end of a name */
	if (size < (int)sizeof(sa_family_t) ||
	    size >= (int)sizeof(target->room))
		return -EINVAL;
	err = copy_in(&target->room, from, size);
	if (!err)
		err = look_at(frame, target, use);
	if (err)
		put_place(&target->place);
	return err;
}

void put_target(struct target *target)
{
	put_place(&target->place);
}
