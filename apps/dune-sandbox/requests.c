// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests to what is behind a descriptor (ioctl). What they do and how large
 * their argument is nobody knows but who answers them, so those that are not in
 * this list are not made.
 */
#include "handlers.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <net/if.h>

/**
 * enum kind - of argument
 * @PLAIN: a number, or none
 * @MEMORY: an address
 * @NETWORK: the same, for those who may talk to some network
 * @NEVER: it is not made, and no harmless program asks for it
 */
enum kind { PLAIN, MEMORY, NETWORK, NEVER };

struct request {
	uint32_t number;
	uint8_t kind, size;
};

#define TERMIOS_SIZE	36
#define TERMIOS2_SIZE	44
#define TERMIO_SIZE	18
#define INTERFACE_SIZE	40	/* struct ifreq */

static const struct request requests[] = {
	{ TCGETS, MEMORY, TERMIOS_SIZE },
	{ TIOCGWINSZ, MEMORY, 8 },
	{ FIONREAD, MEMORY, 4 },
	{ FIONBIO, MEMORY, 4 },
	{ FIOCLEX, PLAIN, 0 },
	{ FIONCLEX, PLAIN, 0 },
	{ FIOASYNC, MEMORY, 4 },
	{ FIOQSIZE, MEMORY, 8 },
	{ FIGETBSZ, MEMORY, 4 },
	{ TCSETS, MEMORY, TERMIOS_SIZE },
	{ TCSETSW, MEMORY, TERMIOS_SIZE },
	{ TCSETSF, MEMORY, TERMIOS_SIZE },
	{ 0x802c542a /* TCGETS2 */, MEMORY, TERMIOS2_SIZE },
	{ 0x402c542b /* TCSETS2 */, MEMORY, TERMIOS2_SIZE },
	{ 0x402c542c /* TCSETSW2 */, MEMORY, TERMIOS2_SIZE },
	{ 0x402c542d /* TCSETSF2 */, MEMORY, TERMIOS2_SIZE },
	{ TCGETA, MEMORY, TERMIO_SIZE },
	{ TCSETA, MEMORY, TERMIO_SIZE },
	{ TCSETAW, MEMORY, TERMIO_SIZE },
	{ TCSETAF, MEMORY, TERMIO_SIZE },
	{ TCSBRK, PLAIN, 0 },
	{ TCSBRKP, PLAIN, 0 },
	{ TCXONC, PLAIN, 0 },
	{ TCFLSH, PLAIN, 0 },
	{ TIOCEXCL, PLAIN, 0 },
	{ TIOCNXCL, PLAIN, 0 },
	{ TIOCNOTTY, PLAIN, 0 },
	{ TIOCGPTPEER, PLAIN, 0 },
	{ TIOCGPGRP, MEMORY, 4 },
	{ TIOCGSID, MEMORY, 4 },
	{ TIOCOUTQ, MEMORY, 4 },
	{ TIOCSWINSZ, MEMORY, 8 },
	{ TIOCMGET, MEMORY, 4 },
	{ TIOCPKT, MEMORY, 4 },
	{ TIOCGETD, MEMORY, 4 },
	{ TIOCGPTN, MEMORY, 4 },
	{ TIOCSPTLCK, MEMORY, 4 },
	{ TIOCGDEV, MEMORY, 4 },
	{ TIOCGPKT, MEMORY, 4 },
	{ TIOCGPTLCK, MEMORY, 4 },
	{ TIOCGEXCL, MEMORY, 4 },
	{ TIOCSTI, NEVER, 0 },
	{ TIOCLINUX, NEVER, 0 },
	{ TIOCCONS, NEVER, 0 },
	{ TIOCSETD, NEVER, 0 },
	{ TIOCVHANGUP, NEVER, 0 },
	{ TIOCSIG, NEVER, 0 },
	{ FIBMAP, NEVER, 0 },
	{ FS_IOC_GETFLAGS, MEMORY, 8 },
	{ FS_IOC_GETVERSION, MEMORY, 8 },
	{ FS_IOC_FSGETXATTR, MEMORY, sizeof(struct fsxattr) },
	{ SIOCATMARK, MEMORY, 4 },
	{ FIOGETOWN, MEMORY, 4 },
	{ SIOCGPGRP, MEMORY, 4 },
	{ SIOCGSTAMP_OLD, MEMORY, 16 },
	{ SIOCGSTAMPNS_OLD, MEMORY, 16 },
	{ SIOCGIFNAME, NETWORK, INTERFACE_SIZE },
	{ SIOCGIFFLAGS, NETWORK, INTERFACE_SIZE },
	{ SIOCGIFADDR, NETWORK, INTERFACE_SIZE },
	{ SIOCGIFDSTADDR, NETWORK, INTERFACE_SIZE },
	{ SIOCGIFBRDADDR, NETWORK, INTERFACE_SIZE },
	{ SIOCGIFNETMASK, NETWORK, INTERFACE_SIZE },
	{ SIOCGIFMETRIC, NETWORK, INTERFACE_SIZE },
	{ SIOCGIFMTU, NETWORK, INTERFACE_SIZE },
	{ SIOCGIFHWADDR, NETWORK, INTERFACE_SIZE },
	{ SIOCGIFINDEX, NETWORK, INTERFACE_SIZE },
	{ SIOCGIFTXQLEN, NETWORK, INTERFACE_SIZE },
	{ }
};

static const struct request *find_request(uint32_t number)
{
	const struct request *request = requests;

	while (request->number && request->number != number)
		request++;
	return request->number ? request : NULL;
}

static long no_network(const struct dune_frame *frame)
{
	return refuse(frame, EACCES, "no network", NULL);
}

static long make(struct dune_frame *frame, const struct request *request)
{
	long err;

	if (!request)
		return forbid(frame, ENOTTY, "a request that is not known");
	if (request->kind == NEVER)
		return forbid(frame, EPERM, "a request that reaches others");
	if (request->kind == NETWORK && !may_talk(policy)) {
		err = no_network(frame);
		if (err)
			return err;
	}
	if (is_supervisors(argument(frame, 2), request->size))
		return -EFAULT;
	return forward(frame);
}

/* One that takes the terminal away from others needs a right to do it. */
static long take_terminal(struct dune_frame *frame)
{
	if ((int)argument(frame, 2))
		return forbid(frame, EPERM, "to take a terminal from others");
	return forward(frame);
}

/* An argument that is where the number of a process or group is. */
static long with_process(struct dune_frame *frame, bool group)
{
	struct dune_frame changed = *frame;
	int who;
	long err = copy_in(&who, argument(frame, 2), sizeof(who));

	if (err)
		return err;
	if (group ? !is_our_group(who) && who != policy->group : !may_own(who))
		return forbid(frame, EPERM, "a process of others");
	changed.rdx = (uint64_t)&who;
	return forward_changed(frame, &changed);
}

static long clone_file(struct dune_frame *frame)
{
	if (!is_descriptor(argument(frame, 2)))
		return -EBADF;
	return forward(frame);
}

static long clone_range(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	struct file_clone_range range;
	long err = copy_in(&range, argument(frame, 2), sizeof(range));

	if (err)
		return err;
	if (range.src_fd != (uint32_t)range.src_fd ||
	    !is_descriptor(range.src_fd))
		return -EBADF;
	changed.rdx = (uint64_t)&range;
	return forward_changed(frame, &changed);
}

/* A list of interfaces, in a place and of a size that it says itself. */
static long list_interfaces(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	uint64_t at = argument(frame, 2);
	struct ifconf list;
	long ret = may_talk(policy) ? 0 : no_network(frame);

	ret = ret ?: copy_in(&list, at, sizeof(list));
	if (ret)
		return ret;
	if (list.ifc_len < 0)
		return -EINVAL;
	if (list.ifc_buf &&
	    is_supervisors((uint64_t)list.ifc_buf, list.ifc_len))
		return -EFAULT;
	changed.rdx = (uint64_t)&list;
	ret = forward_changed(frame, &changed);
	return ret ?: copy_out(at, &list, sizeof(list));
}

long handle_ioctl(struct dune_frame *frame)
{
	uint32_t number = argument(frame, 1);

	switch (number) {
	case TIOCSCTTY:
		return take_terminal(frame);
	case TIOCSPGRP:
		return with_process(frame, true);
	case FIOSETOWN:
	case SIOCSPGRP:
		return with_process(frame, false);
	case FICLONE:
		return clone_file(frame);
	case FICLONERANGE:
		return clone_range(frame);
	case SIOCGIFCONF:
		return list_interfaces(frame);
	default:
		return make(frame, find_request(number));
	}
}
