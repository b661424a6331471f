// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Options of sockets: those that are known to be about the socket alone. Others
 * attach programs, name memory within what they are given, reach other hosts
 * or need rights that the one who started the sandbox may have.
 */
#include "handlers.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#define LONGEST		1024

#ifndef SOL_NETLINK
#define SOL_NETLINK	270
#endif

/*
 * Numbers that a C library's headers may not have yet, or give to one of two
 * options that differ in the size of times.
 */
enum {
	RCVTIMEO_OLD = 20, SNDTIMEO_OLD = 21, TIMESTAMP_OLD = 29,
	TIMESTAMPNS_OLD = 35, TIMESTAMPING_OLD = 37, INCOMING_CPU = 49,
	MEMINFO = 55, INCOMING_NAPI_ID = 56, COOKIE = 57, PEERGROUPS = 59,
	ZEROCOPY = 60, TXTIME = 61, TIMESTAMP_NEW = 63, TIMESTAMPNS_NEW = 64,
	TIMESTAMPING_NEW = 65, RCVTIMEO_NEW = 66, SNDTIMEO_NEW = 67,
	PREFER_BUSY_POLL = 69, BUSY_POLL_BUDGET = 70, TXREHASH = 74,
	INQ = 36, TX_DELAY = 37, IP_LOCAL_PORTS = 51,
	INFO = 3, CAP_ACK = 10, EXT_ACK = 11, STRICT_CHECK = 12,
};

/* Each ends with END. What may be set may be asked for, too. */
#define END	0xff

static const uint8_t socket_set[] = {
	SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF,
	SO_KEEPALIVE, SO_OOBINLINE, SO_PRIORITY, SO_LINGER, SO_REUSEPORT,
	SO_PASSCRED, SO_RCVLOWAT, SO_SNDLOWAT, RCVTIMEO_OLD, SNDTIMEO_OLD,
	RCVTIMEO_NEW, SNDTIMEO_NEW, TIMESTAMP_OLD, TIMESTAMPNS_OLD,
	TIMESTAMPING_OLD, TIMESTAMP_NEW, TIMESTAMPNS_NEW, TIMESTAMPING_NEW,
	SO_RXQ_OVFL, SO_PEEK_OFF, SO_BUSY_POLL, SO_MAX_PACING_RATE,
	INCOMING_CPU, ZEROCOPY, TXTIME, PREFER_BUSY_POLL, BUSY_POLL_BUDGET,
	TXREHASH, END
};

static const uint8_t socket_get[] = {
	SO_DEBUG, SO_TYPE, SO_ERROR, SO_PEERCRED, SO_PEERNAME, SO_ACCEPTCONN,
	SO_PEERSEC, SO_PASSSEC, SO_MARK, SO_PROTOCOL, SO_DOMAIN, MEMINFO,
	INCOMING_NAPI_ID, COOKIE, PEERGROUPS, END
};

static const uint8_t tcp_set[] = {
	TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL,
	TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2, TCP_DEFER_ACCEPT,
	TCP_WINDOW_CLAMP, TCP_QUICKACK, TCP_CONGESTION,
	TCP_THIN_LINEAR_TIMEOUTS, TCP_THIN_DUPACK, TCP_USER_TIMEOUT,
	TCP_FASTOPEN, TCP_NOTSENT_LOWAT, TCP_SAVE_SYN, TCP_FASTOPEN_CONNECT,
	TCP_FASTOPEN_NO_COOKIE, INQ, TX_DELAY, END
};

static const uint8_t tcp_get[] = {
	TCP_INFO, TCP_TIMESTAMP, TCP_CC_INFO, TCP_SAVED_SYN, END
};

static const uint8_t udp_set[] = {
	UDP_CORK, UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX, UDP_SEGMENT, UDP_GRO,
	END
};

static const uint8_t ip_set[] = {
	IP_TOS, IP_TTL, IP_PKTINFO, IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTTL,
	IP_RECVTOS, IP_FREEBIND, IP_RECVORIGDSTADDR, IP_MINTTL, IP_CHECKSUM,
	IP_BIND_ADDRESS_NO_PORT, IP_RECVFRAGSIZE, IP_MULTICAST_IF,
	IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_MULTICAST_ALL, IP_UNICAST_IF,
	IP_LOCAL_PORTS, END
};

static const uint8_t ip_get[] = {
	IP_OPTIONS, IP_MTU, END
};

/* To tell the routers of a network which groups one wants to hear. */
static const uint8_t ip_groups[] = {
	IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_UNBLOCK_SOURCE,
	IP_BLOCK_SOURCE, IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP,
	MCAST_JOIN_GROUP, MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE,
	MCAST_LEAVE_GROUP, MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP,
	END
};

static const uint8_t ipv6_set[] = {
	IPV6_UNICAST_HOPS, IPV6_MULTICAST_IF, IPV6_MULTICAST_HOPS,
	IPV6_MULTICAST_LOOP, IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_V6ONLY,
	IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS,
	IPV6_RECVPATHMTU, IPV6_DONTFRAG, IPV6_TCLASS, IPV6_AUTOFLOWLABEL,
	IPV6_ADDR_PREFERENCES, IPV6_MINHOPCOUNT, IPV6_RECVORIGDSTADDR,
	IPV6_UNICAST_IF, IPV6_RECVFRAGSIZE, IPV6_FREEBIND, IPV6_MULTICAST_ALL,
	END
};

static const uint8_t ipv6_get[] = {
	IPV6_MTU, END
};

static const uint8_t ipv6_groups[] = {
	IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, MCAST_JOIN_GROUP,
	MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE, MCAST_LEAVE_GROUP,
	MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP, END
};

static const uint8_t netlink_set[] = {
	INFO, CAP_ACK, EXT_ACK, STRICT_CHECK, END
};

static bool is_among(const uint8_t *options, int option)
{
	while (*options != END && *options != option)
		options++;
	return *options != END;
}

static bool may_set(int level, int option)
{
	switch (level) {
	case SOL_SOCKET:
		return is_among(socket_set, option);
	case IPPROTO_TCP:
		return is_among(tcp_set, option);
	case IPPROTO_UDP:
		return is_among(udp_set, option);
	case IPPROTO_IP:
		return is_among(ip_set, option) ||
		       (is_among(ip_groups, option) && may_talk_to_all());
	case IPPROTO_IPV6:
		return is_among(ipv6_set, option) ||
		       (is_among(ipv6_groups, option) && may_talk_to_all());
	case SOL_NETLINK:
		return is_among(netlink_set, option);
	default:
		return false;
	}
}

static bool may_get(int level, int option)
{
	switch (level) {
	case SOL_SOCKET:
		return is_among(socket_get, option) || may_set(level, option);
	case IPPROTO_TCP:
		return is_among(tcp_get, option) || may_set(level, option);
	case IPPROTO_IP:
		return is_among(ip_get, option) || may_set(level, option);
	case IPPROTO_IPV6:
		return is_among(ipv6_get, option) || may_set(level, option);
	default:
		return may_set(level, option);
	}
}

static long forbid_option(const struct dune_frame *frame)
{
	return forbid(frame, ENOPROTOOPT, "an option that it may not use");
}

/* How long it may be the kernel reads from memory that another can change. */
long handle_getsockopt(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	uint64_t size_at = argument(frame, 4);
	int size;
	long ret;

	if (!may_get(argument(frame, 1), argument(frame, 2)))
		return forbid_option(frame);
	ret = copy_in(&size, size_at, sizeof(size));
	if (ret)
		return ret;
	if (size < 0)
		return -EINVAL;
	if (is_supervisors(argument(frame, 3), size))
		return -EFAULT;
	changed.r8 = (uint64_t)&size;
	ret = forward_changed(frame, &changed);
	if (!is_error(ret) && ret != KEEP)
		ret = copy_out(size_at, &size, sizeof(size)) ?: ret;
	return ret;
}

long handle_setsockopt(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	int size = argument(frame, 4);
	char value[LONGEST];
	long ret;

	if (!may_set(argument(frame, 1), argument(frame, 2)))
		return forbid_option(frame);
	if (size < 0 || size > (int)sizeof(value))
		return -EINVAL;
	if (size) {
		ret = copy_in(value, argument(frame, 3), size);
		if (ret)
			return ret;
		changed.r10 = (uint64_t)value;
	} else {
		/* some options of no size are read all the same */
		changed.r10 = 0;
	}
	return forward_changed(frame, &changed);
}
