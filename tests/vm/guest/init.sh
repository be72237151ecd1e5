#!/bin/busybox sh
# The first process of a guest: puts the host's read-only root under a tmpfs, runs /job in it with
# its output on the second serial line, says how it ended, and powers off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module"; done </modules/order

mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host
mount -t tmpfs tmpfs /upper
mkdir /upper/data /upper/own
mount -t overlay -o lowerdir=/host,upperdir=/upper/data,workdir=/upper/own overlay /root

mount -t proc proc /root/proc
mount -t sysfs sysfs /root/sys
mount -t devtmpfs devtmpfs /root/dev
mount -t tmpfs -o size=75% tmpfs /root/run
mkdir -p /root/run/lock /root/dev/shm
mount -t debugfs debugfs /root/sys/kernel/debug
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
mkdir -p /root/lib/modules
ln -s "$(cat /modules/folder)" "/root/lib/modules/$(uname -r)"

cp /job /root/run/job
chroot /root /bin/sh /run/job >/dev/ttyS1
echo "ended with $?" >/dev/ttyS1
poweroff -f
