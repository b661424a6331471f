// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages with descriptors and other things beside what they say. What ring 3
 * describes is copied, in all its parts, before it is looked at. Several at a
 * time are made one by one.
 */
#include "handlers.h"

#include <dune/page.h>

#include <errno.h>
#include <netinet/udp.h>
#include <time.h>

/* More than the descriptors and other things that the kernel takes at once. */
#define BESIDE_SIZE	DUNE_PAGE_SIZE
#define MESSAGES	1024

#ifndef SOL_TLS
#define SOL_TLS		282
#endif

#define SECOND		1000000000L

/**
 * struct message - a copy of one
 * @header: for the kernel
 * @parts: its list of buffers
 * @beside: a page for control data, or NULL
 * @target: where to, if it has a name; else the place's descriptor is -1
 */
struct message {
	struct msghdr header;
	struct parts parts;
	void *beside;
	struct target target;
};

static bool is_plain_inet(int type)
{
	return type == IP_PKTINFO || type == IP_TTL || type == IP_TOS;
}

static bool is_plain_inet6(int type)
{
	return type == IPV6_PKTINFO || type == IPV6_HOPLIMIT ||
	       type == IPV6_TCLASS;
}

/* What says how to send, but not by whom else. */
static bool is_plain(const struct cmsghdr *item)
{
	switch (item->cmsg_level) {
	case SOL_SOCKET:
		return item->cmsg_type == SCM_CREDENTIALS ||
		       item->cmsg_type == SO_TIMESTAMPING ||
		       item->cmsg_type == SO_TXTIME;
	case IPPROTO_IP:
		return is_plain_inet(item->cmsg_type);
	case IPPROTO_IPV6:
		return is_plain_inet6(item->cmsg_type);
	case IPPROTO_UDP:
		return item->cmsg_type == UDP_SEGMENT;
	case SOL_TLS:
		return true;
	default:
		return false;
	}
}

static bool are_descriptors(const struct cmsghdr *item)
{
	const int *fd = (const int *)(item + 1);
	size_t count = (item->cmsg_len - sizeof(*item)) / sizeof(*fd);

	for (; count; count--, fd++)
		if (!is_descriptor(*fd))
			return false;
	return true;
}

static long look_at_item(const struct dune_frame *frame,
			 const struct cmsghdr *item)
{
	if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS)
		return are_descriptors(item) ? 0 : -EBADF;
	if (is_plain(item))
		return 0;
	return forbid(frame, EPERM, "something unknown beside a message");
}

/* As the kernel goes from one to the next. */
static long look_beside(const struct dune_frame *frame, const char *beside,
			size_t size)
{
	const struct cmsghdr *item;
	size_t at = 0;
	long err;

	while (size - at >= sizeof(*item)) {
		item = (const struct cmsghdr *)(beside + at);
		if (item->cmsg_len < sizeof(*item) ||
		    item->cmsg_len > size - at)
			return -EINVAL;
		err = look_at_item(frame, item);
		if (err)
			return err;
		at += CMSG_ALIGN(item->cmsg_len);
		if (at > size)
			break;
	}
	return 0;
}

static long take_beside(const struct dune_frame *frame,
			struct message *message)
{
	struct msghdr *header = &message->header;
	long err;

	message->beside = NULL;
	if (!header->msg_controllen) {
		header->msg_control = NULL;
		return 0;
	}
	if (header->msg_controllen > BESIDE_SIZE)
		return -ENOBUFS;
	message->beside = dune_page_alloc();
	if (!message->beside)
		return -ENOMEM;
	err = copy_in(message->beside, (uint64_t)header->msg_control,
		      header->msg_controllen);
	header->msg_control = message->beside;
	return err ?: look_beside(frame, message->beside,
				  header->msg_controllen);
}

static void put_beside(struct message *message)
{
	if (message->beside)
		dune_page_put(message->beside);
}

static long take_name(const struct dune_frame *frame, struct message *message)
{
	struct msghdr *header = &message->header;
	struct target *target = &message->target;
	int size = header->msg_namelen;
	long err;

	target->place.fd = -1;
	if (!header->msg_name || !size) {
		header->msg_name = NULL;
		header->msg_namelen = 0;
		return 0;
	}
	/* of one that is too long the kernel takes what it can */
	if (size >= (int)sizeof(target->room))
		size = sizeof(target->room) - 1;
	err = take_target(frame, target, (uint64_t)header->msg_name, size,
			  USE_SEND);
	header->msg_name = &target->room;
	header->msg_namelen = target->size;
	return err;
}

static long take_message_parts(struct message *message)
{
	struct msghdr *header = &message->header;
	long err;

	if (header->msg_iovlen > UIO_MAXIOV)
		return -EMSGSIZE;
	err = take_parts(&message->parts, (uint64_t)header->msg_iov,
			 header->msg_iovlen);
	header->msg_iov = message->parts.list;
	return err;
}

static long send_taken(struct dune_frame *frame, struct message *message,
		       uint64_t flags)
{
	struct dune_frame changed = *frame;
	long ret = take_beside(frame, message);

	if (!ret) {
		changed.rax = SYS_sendmsg;
		changed.rsi = (uint64_t)&message->header;
		changed.rdx = flags;
		ret = forward_changed(frame, &changed);
	}
	put_beside(message);
	return ret;
}

static long send_one(struct dune_frame *frame, uint64_t from, uint64_t flags)
{
	struct message message;
	long ret = copy_in(&message.header, from, sizeof(message.header));

	if (ret)
		return ret;
	ret = take_name(frame, &message);
	if (ret)
		return ret;
	ret = take_message_parts(&message);
	if (!ret) {
		ret = send_taken(frame, &message, flags);
		put_parts(&message.parts);
	}
	put_target(&message.target);
	return ret;
}

long handle_sendmsg(struct dune_frame *frame)
{
	return send_one(frame, argument(frame, 1), argument(frame, 2));
}

/* What has no name in a file system, and does no more than to tell. */
static bool is_harmless(const char *path)
{
	static const char *const kinds[] = {
		"pipe:", "socket:", "memfd:", "anon_inode:[eventfd]",
		"anon_inode:[timerfd]", "anon_inode:[eventpoll]",
		"anon_inode:[signalfd]", "anon_inode:inotify",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (text_after(path, kinds[i]))
			return true;
	return false;
}

/* What is open so, by somebody who may have had more rights. */
static bool may_have(const struct dune_frame *frame, int fd)
{
	long flags = CALL2(SYS_fcntl, fd, F_GETFL);
	char path[PATH_MAX] = "";
	struct place place;
	long err;

	find_place(&place, fd, path, PLACE_EMPTY, 0);
	err = check_place(frame, &place, rights_to_open(flags));
	if (!err && place.path[0] != '/' && !is_harmless(place.path))
		err = refuse(frame, EACCES, "a descriptor", place.path);
	put_place(&place);
	return !err;
}

/* Descriptors of files that the policy does not give are closed again. */
static void look_at_received(const struct dune_frame *frame, char *beside,
			     size_t size)
{
	struct cmsghdr *item;
	size_t at = 0, count;
	int *fd;

	while (size - at >= sizeof(*item)) {
		item = (struct cmsghdr *)(beside + at);
		if (item->cmsg_len < sizeof(*item) ||
		    item->cmsg_len > size - at)
			return;
		count = (item->cmsg_len - sizeof(*item)) / sizeof(*fd);
		if (item->cmsg_level != SOL_SOCKET ||
		    item->cmsg_type != SCM_RIGHTS)
			count = 0;
		for (fd = (int *)(item + 1); count; count--, fd++) {
			if (is_descriptor(*fd) && may_have(frame, *fd))
				continue;
			CALL1(SYS_close, *fd);
			*fd = -1;
		}
		at += CMSG_ALIGN(item->cmsg_len);
		if (at > size)
			return;
	}
}

/* What the kernel writes to is ring 3's itself, where that is large enough. */
static long look_at_receiver(struct msghdr *header)
{
	if ((int)header->msg_namelen < 0)
		return -EINVAL;
	if (header->msg_namelen > sizeof(struct sockaddr_storage))
		header->msg_namelen = sizeof(struct sockaddr_storage);
	if (header->msg_controllen > BESIDE_SIZE)
		header->msg_controllen = BESIDE_SIZE;
	if (!header->msg_name)
		header->msg_namelen = 0;
	if (!header->msg_control)
		header->msg_controllen = 0;
	if (is_supervisors((uint64_t)header->msg_name, header->msg_namelen) ||
	    is_supervisors((uint64_t)header->msg_control,
			   header->msg_controllen))
		return -EFAULT;
	return 0;
}

static long give_result(uint64_t to, const struct msghdr *header)
{
	long err = 0;

	if (header->msg_name)
		err = copy_out(to + offsetof(struct msghdr, msg_namelen),
			       &header->msg_namelen,
			       sizeof(header->msg_namelen));
	if (!err)
		err = copy_out(to + offsetof(struct msghdr, msg_controllen),
			       &header->msg_controllen,
			       sizeof(header->msg_controllen));
	return err ?: copy_out(to + offsetof(struct msghdr, msg_flags),
			       &header->msg_flags, sizeof(header->msg_flags));
}

/* What is beside it comes to the supervisor first. */
static long receive_beside(struct dune_frame *frame, struct message *message,
			   uint64_t flags)
{
	struct msghdr *header = &message->header;
	uint64_t beside = (uint64_t)header->msg_control;
	struct dune_frame changed = *frame;
	long ret;

	message->beside = beside ? dune_page_alloc() : NULL;
	if (beside && !message->beside)
		return -ENOMEM;
	header->msg_control = message->beside;
	changed.rax = SYS_recvmsg;
	changed.rsi = (uint64_t)header;
	changed.rdx = flags;
	ret = forward_changed(frame, &changed);
	/* descriptors are there before anything else can fail */
	if (beside)
		look_at_received(frame, message->beside,
				 header->msg_controllen);
	if (ret >= 0 && beside &&
	    copy_out(beside, message->beside, header->msg_controllen))
		ret = -EFAULT;
	put_beside(message);
	return ret;
}

static long receive_one(struct dune_frame *frame, uint64_t at, uint64_t flags)
{
	struct message message;
	long ret = copy_in(&message.header, at, sizeof(message.header));

	ret = ret ?: look_at_receiver(&message.header);
	ret = ret ?: take_message_parts(&message);
	if (ret)
		return ret;
	ret = receive_beside(frame, &message, flags);
	put_parts(&message.parts);
	if (ret >= 0 && give_result(at, &message.header))
		return -EFAULT;
	return ret;
}

long handle_recvmsg(struct dune_frame *frame)
{
	return receive_one(frame, argument(frame, 1), argument(frame, 2));
}

/*
 * After some, a signal or an error is no reason not to tell how many; if the
 * call was to be made again, it is not any more.
 */
static long tell_count(struct dune_frame *frame, uint64_t rip, long count,
		       long ret)
{
	if (!count)
		return ret;
	frame->rip = rip;
	return count;
}

static long note_length(uint64_t at, long length)
{
	unsigned int size = length;

	return copy_out(at + offsetof(struct mmsghdr, msg_len), &size,
			sizeof(size));
}

long handle_sendmmsg(struct dune_frame *frame)
{
	uint32_t count = argument(frame, 2), i;
	uint64_t at = argument(frame, 1), rip = frame->rip;
	long ret = 0;

	if (count > MESSAGES)
		count = MESSAGES;
	for (i = 0; i < count; i++, at += sizeof(struct mmsghdr)) {
		ret = send_one(frame, at, argument(frame, 3));
		if (ret >= 0)
			ret = note_length(at, ret);
		if (ret)
			break;
	}
	return tell_count(frame, rip, i, ret);
}

static long now(struct timespec *time)
{
	return CALL2(SYS_clock_gettime, CLOCK_MONOTONIC, time);
}

/* What is left of the time that ring 3 gives, in nanoseconds. */
static long time_left(const struct timespec *limit,
		      const struct timespec *start)
{
	struct timespec time;

	now(&time);
	return (limit->tv_sec - (time.tv_sec - start->tv_sec)) * SECOND +
	       limit->tv_nsec - (time.tv_nsec - start->tv_nsec);
}

static long take_limit(struct timespec *limit, uint64_t from)
{
	long err = copy_in(limit, from, sizeof(*limit));

	if (err)
		return err;
	if (limit->tv_sec < 0 || limit->tv_nsec < 0 ||
	    limit->tv_nsec >= SECOND)
		return -EINVAL;
	/* a year is as good, and can be counted */
	if (limit->tv_sec > 365L * 86400)
		limit->tv_sec = 365L * 86400;
	return 0;
}

static bool is_over(const struct dune_frame *frame,
		    const struct timespec *limit, const struct timespec *start)
{
	struct timespec rest;
	long left;

	if (!argument(frame, 4))
		return false;
	left = time_left(limit, start);
	if (left < 0)
		left = 0;
	rest.tv_sec = left / SECOND;
	rest.tv_nsec = left % SECOND;
	copy_out(argument(frame, 4), &rest, sizeof(rest));
	return !left;
}

/* The time is looked at after each message, as the kernel does. */
static long receive_some(struct dune_frame *frame, uint32_t *count,
			 const struct timespec *limit)
{
	uint32_t all = argument(frame, 2), flags = argument(frame, 3);
	uint64_t at = argument(frame, 1);
	struct timespec start;
	long ret = now(&start);

	if (all > MESSAGES)
		all = MESSAGES;
	for (*count = 0; *count < all && !ret; at += sizeof(struct mmsghdr)) {
		ret = receive_one(frame, at, flags & ~MSG_WAITFORONE);
		if (ret >= 0)
			ret = note_length(at, ret);
		if (ret)
			break;
		++*count;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (is_over(frame, limit, &start))
			break;
	}
	return ret;
}

long handle_recvmmsg(struct dune_frame *frame)
{
	struct timespec limit = { };
	uint64_t rip = frame->rip;
	uint32_t count;
	long ret = 0;

	if (argument(frame, 4))
		ret = take_limit(&limit, argument(frame, 4));
	if (ret)
		return ret;
	ret = receive_some(frame, &count, &limit);
	return tell_count(frame, rip, count, ret);
}
