/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What makes the system calls of ring 3 that have to be looked at more closely
 * than at addresses and descriptors alone. Each takes the frame of its call and
 * gives the result, or KEEP.
 */
#ifndef DUNE_SANDBOX_HANDLERS_H
#define DUNE_SANDBOX_HANDLERS_H

#include "sandbox.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

/* Of more the kernel takes no notice, in one call. */
#define IO_LIMIT	0x7ffff000UL

#define FEW_PARTS	16

/**
 * struct parts - a copy of ring 3's list of buffers
 * @list: of them
 * @count: how many
 * @page: what it is in if there are many, or NULL
 * @few: what it is in otherwise
 */
struct parts {
	struct iovec *list;
	uint64_t count;
	void *page;
	struct iovec few[FEW_PARTS];
};

/* iov.c; handle_iov: readv, writev, preadv(2), pwritev(2), vmsplice */
long take_parts(struct parts *parts, uint64_t from, uint64_t count);
void put_parts(struct parts *parts);
long handle_iov(struct dune_frame *frame);

/* network.c; handle_peer: accept, accept4, getsockname, getpeername */
long handle_socket(struct dune_frame *frame);
long handle_socketpair(struct dune_frame *frame);
long handle_bind(struct dune_frame *frame);
long handle_connect(struct dune_frame *frame);
long handle_listen(struct dune_frame *frame);
long handle_peer(struct dune_frame *frame);
long handle_recvfrom(struct dune_frame *frame);
long handle_sendto(struct dune_frame *frame);

/**
 * struct target - a copy of an address that ring 3 gave
 * @size: of the address
 * @place: the file, for a socket of AF_UNIX with a name; to be put
 */
struct target {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_nl nl;
		struct sockaddr_storage room;
	};
	int size;
	struct place place;
};

/**
 * enum use - what an address is for
 * @USE_BIND: the socket is to have it
 * @USE_CONNECT: its peer is to be there
 * @USE_SEND: something is to go there
 */
enum use { USE_BIND, USE_CONNECT, USE_SEND };

/* address.c */
bool may_talk_to_all(void);
bool may_use_inet(const struct sockaddr *address);
long refuse_inet(const struct dune_frame *frame, const struct sockaddr *address,
		 const char *why);
long take_target(const struct dune_frame *frame, struct target *target,
		 uint64_t from, int size, enum use use);
void put_target(struct target *target);

/* messages.c */
long handle_sendmsg(struct dune_frame *frame);
long handle_sendmmsg(struct dune_frame *frame);
long handle_recvmsg(struct dune_frame *frame);
long handle_recvmmsg(struct dune_frame *frame);

/* sockopt.c */
long handle_getsockopt(struct dune_frame *frame);
long handle_setsockopt(struct dune_frame *frame);

/*
 * processes.c; handle_clone: clone, fork, vfork; handle_process: sched_*,
 * getpgid, getsid, of the process in rdi; handle_priority: getpriority,
 * setpriority, ioprio_get, ioprio_set
 */
bool is_ours(int pid);
bool is_our_group(int group);
long take_slot(void);
long handle_clone(struct dune_frame *frame);
long handle_setpgid(struct dune_frame *frame);
long handle_process(struct dune_frame *frame);
long handle_priority(struct dune_frame *frame);
long handle_getrlimit(struct dune_frame *frame);
long handle_setrlimit(struct dune_frame *frame);
long handle_prlimit(struct dune_frame *frame);

/* signals.c; handle_tgkill: tgkill, rt_tgsigqueueinfo */
long handle_kill(struct dune_frame *frame);
long handle_tkill(struct dune_frame *frame);
long handle_tgkill(struct dune_frame *frame);
long handle_sigqueue(struct dune_frame *frame);
long handle_pidfd_open(struct dune_frame *frame);
long handle_pidfd_send_signal(struct dune_frame *frame);

/* robust.c; handle_exit: exit, exit_group */
void forget_robust_lists(void);
long handle_set_robust_list(struct dune_frame *frame);
long handle_get_robust_list(struct dune_frame *frame);
long handle_exit(struct dune_frame *frame);
long handle_futex(struct dune_frame *frame);
long handle_futex_waitv(struct dune_frame *frame);

/* descriptors.c; handle_dup2: dup2, dup3 */
bool may_own(int who);
long handle_dup2(struct dune_frame *frame);
long handle_fcntl(struct dune_frame *frame);
long handle_poll(struct dune_frame *frame);		/* poll, ppoll */
long handle_select(struct dune_frame *frame);
long handle_pselect(struct dune_frame *frame);

/* requests.c */
long handle_ioctl(struct dune_frame *frame);

/* control.c */
long handle_prctl(struct dune_frame *frame);
long handle_personality(struct dune_frame *frame);

/* path.c: @fd, or another for it that ring 3 cannot put another file at */
long keep(long fd);

/* To be closed. What is looked at is what is used then. */
static inline long pin_descriptor(uint64_t fd)
{
	return keep(CALL3(SYS_fcntl, (int)fd, F_DUPFD_CLOEXEC, 0));
}

/* What no policy allows, so that there is nothing to learn from it. */
static inline long forbid(const struct dune_frame *frame, long error,
			  const char *why)
{
	return refuse(frame, error, why, NULL) ?: -error;
}

#endif /* DUNE_SANDBOX_HANDLERS_H */
