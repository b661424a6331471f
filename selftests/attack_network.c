// SPDX-License-Identifier: GPL-2.0-only
/* Other machines, other processes: --net 127.0.0.1:ALLOWED_PORT is allowed. */
#include "attack.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/un.h>

#define NO	"EACCES EPERM"
#define NO_SUCH	NO " EAFNOSUPPORT EPROTONOSUPPORT EINVAL ENOSYS"

static struct sockaddr_in on_loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int connects(int type, int port)
{
	struct sockaddr_in to = on_loopback(port);
	int fd = socket(AF_INET, type, 0);

	if (fd < 0)
		return -errno;
	return result_of(connect(fd, (void *)&to, sizeof(to)));
}

/* And not all is refused. */
ATTACK(connect_allowed_port, NOWHERE, "HELD")
{
	int result = connects(SOCK_STREAM, ALLOWED_PORT);

	return result == SUCCEEDED ? HELD : result;
}

ATTACK(connect_port, OUTSIDE, NO)
{
	return connects(SOCK_STREAM, FORBIDDEN_PORT);
}

ATTACK(connect_datagram, OUTSIDE, NO)
{
	return connects(SOCK_DGRAM, FORBIDDEN_PORT);
}

/* The same address, written otherwise. */
static int connects6(const struct in6_addr *address, int family)
{
	struct sockaddr_in6 to = {
		.sin6_family = family, .sin6_port = htons(FORBIDDEN_PORT),
		.sin6_addr = *address,
	};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (fd < 0)
		return if_possible(-errno);
	return result_of(connect(fd, (void *)&to, sizeof(to)));
}

ATTACK(connect_mapped, OUTSIDE, NO " EAFNOSUPPORT")
{
	struct in6_addr mapped = { .s6_addr = {
		[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };

	return connects6(&mapped, AF_INET6);
}

/* 0.0.0.0 is this machine. */
ATTACK(connect_any, OUTSIDE, NO)
{
	struct sockaddr_in to = on_loopback(FORBIDDEN_PORT);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = 0;
	return fd < 0 ? -errno : result_of(connect(fd, (void *)&to, sizeof(to)));
}

/* The kernel takes it for AF_INET in places. */
ATTACK(connect_unspecified, NOWHERE, NO " EAFNOSUPPORT EINVAL HELD")
{
	struct sockaddr_in to = on_loopback(FORBIDDEN_PORT);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_family = AF_UNSPEC;
	return fd < 0 || connect(fd, (void *)&to, sizeof(to)) ? -errno : HELD;
}

ATTACK(bind_unspecified, OUTSIDE, NO " EAFNOSUPPORT EINVAL")
{
	struct sockaddr_in to = {
		.sin_family = AF_UNSPEC, .sin_port = htons(FREE_PORT) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -errno : result_of(bind(fd, (void *)&to, sizeof(to)));
}

static int binds(int type, int port)
{
	struct sockaddr_in to = on_loopback(port);
	int fd = socket(AF_INET, type, 0);

	return fd < 0 ? -errno : result_of(bind(fd, (void *)&to, sizeof(to)));
}

ATTACK(bind_port, OUTSIDE, NO)
{
	return binds(SOCK_STREAM, FREE_PORT);
}

ATTACK(bind_datagram, OUTSIDE, NO)
{
	return binds(SOCK_DGRAM, FREE_PORT);
}

/* At any port, for all machines: bind() is not needed for that. */
ATTACK(listen_unbound, OUTSIDE, NO " EINVAL")
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -errno : result_of(listen(fd, 1));
}

/* It is connected to one that is allowed. */
static int datagram_socket(void)
{
	struct sockaddr_in allowed = on_loopback(ALLOWED_PORT);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd >= 0)
		connect(fd, (void *)&allowed, sizeof(allowed));
	return fd;
}

ATTACK(send_elsewhere, OUTSIDE, NO)
{
	struct sockaddr_in to = on_loopback(FORBIDDEN_PORT);
	int fd = datagram_socket();

	return fd < 0 ? -errno : result_of(sendto(fd, "x", 1, 0, (void *)&to,
						  sizeof(to)));
}

static struct msghdr *message_elsewhere(void)
{
	static struct sockaddr_in to;
	static struct iovec data = { "x", 1 };
	static struct msghdr message = {
		.msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = &data, .msg_iovlen = 1,
	};

	to = on_loopback(FORBIDDEN_PORT);
	return &message;
}

ATTACK(send_message_elsewhere, OUTSIDE, NO)
{
	int fd = datagram_socket();

	return fd < 0 ? -errno : result_of(sendmsg(fd, message_elsewhere(), 0));
}

/* Many at once: the first goes where it may. */
ATTACK(send_messages_elsewhere, OUTSIDE, NO " ENOSYS HELD")
{
	struct iovec data = { "x", 1 };
	struct mmsghdr messages[2] = {
		{ .msg_hdr = { .msg_iov = &data, .msg_iovlen = 1 } },
		{ .msg_hdr = *message_elsewhere() },
	};
	int fd = datagram_socket(), count;

	if (fd < 0)
		return -errno;
	count = sendmmsg(fd, messages, 2, 0);
	if (count < 0)
		return -errno;
	return count > 1 ? SUCCEEDED : HELD;
}

/* Data with the connection itself. */
ATTACK(fast_open, OUTSIDE, NO)
{
	struct sockaddr_in to = on_loopback(FORBIDDEN_PORT);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -errno : result_of(sendto(fd, "x", 1, MSG_FASTOPEN,
						  (void *)&to, sizeof(to)));
}

static int connects_abstract(int type)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	memcpy(to.sun_path, ABSTRACT_NAME, sizeof(ABSTRACT_NAME) - 1);
	return fd < 0 ? -errno :
	       result_of(connect(fd, (void *)&to, sizeof(sa_family_t) +
				 sizeof(ABSTRACT_NAME) - 1));
}

ATTACK(abstract_socket, OUTSIDE, NO)
{
	return connects_abstract(SOCK_STREAM);
}

/* Whose owner passes a descriptor of a file that is not to be read. */
static int connects_to_victim(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(to.sun_path, at("writable/socket"), sizeof(to.sun_path) - 1);
	return fd < 0 || connect(fd, (void *)&to, sizeof(to)) ? -1 : fd;
}

static char passed[CMSG_SPACE(sizeof(int))], passed_byte;
static struct iovec passed_data = { &passed_byte, 1 };
static struct mmsghdr passed_message = { .msg_hdr = {
	.msg_iov = &passed_data, .msg_iovlen = 1,
	.msg_control = passed, .msg_controllen = sizeof(passed),
} };

ATTACK(passed_descriptor, OUTSIDE, NO " HELD")
{
	struct msghdr *message = &passed_message.msg_hdr;
	int from = connects_to_victim(), fd;
	struct cmsghdr *header;

	if (from < 0 || recvmsg(from, message, 0) < 0)
		return -errno;
	header = CMSG_FIRSTHDR(message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return HELD;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return has_secret(fd);
}

/*
 * The sender's name can be put nowhere, which is found out when the descriptor
 * is there already: the call fails, and has given it all the same.
 */
static int receive_and_fail(bool several)
{
	struct msghdr *message = &passed_message.msg_hdr;
	int from = connects_to_victim(), fd;

	message->msg_name = own_hole;
	message->msg_namelen = sizeof(struct sockaddr_un);
	if (from < 0)
		return -errno;
	if ((several ? recvmmsg(from, &passed_message, 1, 0, NULL) :
		       recvmsg(from, message, 0)) >= 0)
		return HELD;
	/* below what stands in for the supervisor's */
	for (fd = from + 1; fd < from + 64; fd++) {
		if (has_secret(fd) == SUCCEEDED)
			return SUCCEEDED;
	}
	return -EFAULT;
}

ATTACK(passed_by_failure, OUTSIDE, "EFAULT")
{
	return receive_and_fail(false);
}

ATTACK(passed_by_one_of_several, OUTSIDE, "EFAULT")
{
	return receive_and_fail(true);
}

#define SOCKET(name, family, type, protocol)				\
	static int do_##name(void)					\
	{								\
		return result_of(socket(family, type, protocol));	\
	}								\
	ATTACK(name, OUTSIDE, NO_SUCH)					\
	{								\
		return do_##name();					\
	}

SOCKET(netlink_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)
SOCKET(netlink_audit, AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)
SOCKET(raw_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP)
SOCKET(packet_socket, AF_PACKET, SOCK_RAW, 0)

/* There may be none of this family. */
ATTACK(vm_socket, OUTSIDE, NO_SUCH)
{
	return if_possible(result_of(socket(AF_VSOCK, SOCK_STREAM, 0)));
}
