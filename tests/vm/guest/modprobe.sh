#!/bin/busybox sh
# What the kernel runs when it wants a module: the host's modprobe, on the guest's modules.
exec chroot /root /sbin/modprobe "$@"
