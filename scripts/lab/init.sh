#!/bin/busybox sh
# The first program of a guest: reaches the host's files (read-only, with a layer of memory over them for what is
# written), and makes them the root. Then start.sh goes on.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for m in /modules/*; do insmod "$m" || echo "lab: $m cannot be loaded"; done
opts=trans=virtio,version=9p2000.L,msize=1048576,access=any
mount -t 9p -o "ro,cache=loose,$opts" host /lower || { echo "lab: the host's files cannot be reached"; reboot -f; }
mount -t tmpfs -o size=75% upper /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work root /root
release=$(uname -r)
mkdir -p /root/lab /root/usr/lib/modules/"$release"
mount -t 9p -o "ro,cache=loose,$opts" modules /root/usr/lib/modules/"$release"
mount -t 9p -o "cache=none,$opts" lab /root/lab
mount --move /dev /root/dev
mount --move /proc /root/proc
mount --move /sys /root/sys
exec switch_root /root /bin/bash /lab/start.sh
