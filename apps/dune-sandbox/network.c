// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sockets: which there are, and whom they may have to do with. What is said
 * where to go is looked at when it is said, so that a socket that is connected
 * needs no more of that.
 */
#include "handlers.h"

#include <errno.h>
#include <linux/capability.h>

#define TYPE_MASK	0xf

/* The kernel's message of a route can change it, if one has the right to. */
static bool may_change_network(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	return CALL2(SYS_capget, &header, data) ||
	       (data[0].effective | data[0].permitted) & 1U << CAP_NET_ADMIN;
}

static long check_inet(const struct dune_frame *frame, int type, int protocol)
{
	if (!may_talk(policy))
		return refuse(frame, EACCES, "no network", NULL);
	if (type == SOCK_STREAM && (!protocol || protocol == IPPROTO_TCP))
		return 0;
	if (type == SOCK_DGRAM && (!protocol || protocol == IPPROTO_UDP))
		return 0;
	/* programs ask for some to see whether there are such */
	if (type == SOCK_STREAM || type == SOCK_DGRAM)
		return forbid(frame, EPROTONOSUPPORT, "neither TCP nor UDP");
	return forbid(frame, EPERM, "a socket for raw packets");
}

static long check_netlink(const struct dune_frame *frame, int protocol)
{
	if (protocol != NETLINK_ROUTE)
		return forbid(frame, EPROTONOSUPPORT,
			      "netlink for something other than routes");
	if (!may_talk(policy))
		return refuse(frame, EACCES, "no network", NULL);
	if (may_change_network())
		return forbid(frame, EACCES, "it could change the network");
	return 0;
}

static long check_socket(const struct dune_frame *frame)
{
	int family = argument(frame, 0), protocol = argument(frame, 2);
	int type = argument(frame, 1) & TYPE_MASK;

	switch (family) {
	case AF_UNIX:
		if (type == SOCK_STREAM || type == SOCK_DGRAM ||
		    type == SOCK_SEQPACKET)
			return 0;
		return -ESOCKTNOSUPPORT;
	case AF_INET:
	case AF_INET6:
		return check_inet(frame, type, protocol);
	case AF_NETLINK:
		return check_netlink(frame, protocol);
	default:
		return forbid(frame, EAFNOSUPPORT,
			      "a family of sockets that it may not use");
	}
}

long handle_socket(struct dune_frame *frame)
{
	long err = check_socket(frame);

	return err ?: forward(frame);
}

/* The kernel has pairs of AF_UNIX and AF_TIPC. */
long handle_socketpair(struct dune_frame *frame)
{
	if ((int)argument(frame, 0) != AF_UNIX)
		return -EOPNOTSUPP;
	return handle_socket(frame);
}

static long call_with_target(struct dune_frame *frame, enum use use)
{
	struct dune_frame changed = *frame;
	struct target target;
	long ret;

	ret = take_target(frame, &target, argument(frame, 1),
			  argument(frame, 2), use);
	if (ret)
		return ret;
	changed.rsi = (uint64_t)&target.room;
	changed.rdx = target.size;
	ret = forward_changed(frame, &changed);
	put_target(&target);
	return ret;
}

long handle_bind(struct dune_frame *frame)
{
	return call_with_target(frame, USE_BIND);
}

long handle_connect(struct dune_frame *frame)
{
	return call_with_target(frame, USE_CONNECT);
}

/*
 * One that is not bound is bound to all addresses of the machine, and so may be
 * one whose connection has failed.
 */
static long check_listener(const struct dune_frame *frame, long fd)
{
	struct sockaddr_storage address;
	int size = sizeof(address);
	long err;

	err = CALL3(SYS_getsockname, fd, &address, &size);
	if (err || (address.ss_family != AF_INET &&
		    address.ss_family != AF_INET6))
		return err;
	if (may_use_inet((struct sockaddr *)&address))
		return 0;
	return refuse_inet(frame, (struct sockaddr *)&address,
			   "to listen where it may not talk");
}

/*
 * Where it listens does not change any more, but until then another thread can
 * end its connection: so it is looked at again.
 */
long handle_listen(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	long fd = pin_descriptor(argument(frame, 0));
	long ret;

	if (fd < 0)
		return fd;
	ret = check_listener(frame, fd);
	if (ret)
		goto out;
	changed.rdi = fd;
	ret = forward_changed(frame, &changed);
	if (!ret && check_listener(frame, fd)) {
		CALL2(SYS_shutdown, fd, SHUT_RDWR);
		ret = -EACCES;
	}
out:
	CALL1(SYS_close, fd);
	return ret;
}

/*
 * A call that puts an address where argument @at says, and its size where the
 * next one says. Another thread could have the kernel write more than was looked
 * at, so it gets another place for the size.
 */
static long call_for_address(struct dune_frame *frame, unsigned int at)
{
	uint64_t size_at = argument(frame, at + 1);
	struct dune_frame changed = *frame;
	uint64_t *place = at == 1 ? &changed.rdx : &changed.r9;
	int size;
	long ret;

	/* nobody wants to know, and the size is for nobody either */
	if (!argument(frame, at)) {
		*place = 0;
		return forward_changed(frame, &changed);
	}
	ret = copy_in(&size, size_at, sizeof(size));
	if (ret)
		return ret;
	if (size < 0)
		return -EINVAL;
	/* there are none that are longer */
	if (size > (int)sizeof(struct sockaddr_storage))
		size = sizeof(struct sockaddr_storage);
	if (is_supervisors(argument(frame, at), size))
		return -EFAULT;
	*place = (uint64_t)&size;
	ret = forward_changed(frame, &changed);
	if (ret < 0 || !copy_out(size_at, &size, sizeof(size)))
		return ret;
	if (frame->rax == SYS_accept || frame->rax == SYS_accept4)
		CALL1(SYS_close, ret);
	return -EFAULT;
}

/* getsockname(), getpeername(), accept(), accept4() */
long handle_peer(struct dune_frame *frame)
{
	return call_for_address(frame, 1);
}

long handle_recvfrom(struct dune_frame *frame)
{
	return call_for_address(frame, 4);
}

long handle_sendto(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	struct target target;
	long ret;

	if (!argument(frame, 4)) {
		changed.r9 = 0;
		return forward_changed(frame, &changed);
	}
	ret = take_target(frame, &target, argument(frame, 4),
			  argument(frame, 5), USE_SEND);
	if (ret)
		return ret;
	changed.r8 = (uint64_t)&target.room;
	changed.r9 = target.size;
	ret = forward_changed(frame, &changed);
	put_target(&target);
	return ret;
}
