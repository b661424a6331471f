/* SPDX-License-Identifier: GPL-2.0-only */
/* Descriptors that one process gives another, by a socket. */
#ifndef DUNE_SELFTESTS_SEND_DESCRIPTOR_H
#define DUNE_SELFTESTS_SEND_DESCRIPTOR_H

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* A message of one byte, with a descriptor. */
struct message {
	struct msghdr header;
	struct iovec data;
	char byte;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
};

static inline void prepare_message(struct message *message)
{
	memset(message, 0, sizeof(*message));
	message->data.iov_base = &message->byte;
	message->data.iov_len = 1;
	message->header.msg_iov = &message->data;
	message->header.msg_iovlen = 1;
	message->header.msg_control = &message->control;
	message->header.msg_controllen = sizeof(message->control);
}

static inline bool send_descriptor(int socket, int fd)
{
	struct message message;
	struct cmsghdr *control;

	prepare_message(&message);
	control = CMSG_FIRSTHDR(&message.header);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(control), &fd, sizeof(fd));
	return sendmsg(socket, &message.header, MSG_NOSIGNAL) == 1;
}

static inline int receive_descriptor(int socket)
{
	struct message message;
	struct cmsghdr *control;
	int fd = -1;

	prepare_message(&message);
	if (recvmsg(socket, &message.header, 0) != 1)
		return -1;
	control = CMSG_FIRSTHDR(&message.header);
	if (control)
		memcpy(&fd, CMSG_DATA(control), sizeof(fd));
	return fd;
}

#endif /* DUNE_SELFTESTS_SEND_DESCRIPTOR_H */
