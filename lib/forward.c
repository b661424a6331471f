// SPDX-License-Identifier: LGPL-2.1-or-later
/* System calls of ring 3. */
#include "internal.h"

long dune_forward(struct dune_frame *frame)
{
	frame->rax = dune_syscall(frame->rax, frame->rdi, frame->rsi,
				  frame->rdx, frame->r10, frame->r8, frame->r9);
	return frame->rax;
}
