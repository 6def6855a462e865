#!/bin/sh
# First process of a User-Mode-Linux guest: serves a folder to itself over loopback, mounts it twice as two clients, runs a job.
# The kernel's command line gives: NETFS (nfs3, nfs42, cifs), OUT (a folder of the host that may be written). No network card is there.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/dev/shm PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sys /sys
for folder in /run /mnt /tmp /var/lib/nfs /var/lib/samba /var/cache/samba /var/log; do [ -d $folder ] && mount -t tmpfs tmpfs $folder; done
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
mkdir -p /run/lock /run/smb /run/samba /var/log/samba /var/lib/samba/private
mount -t hostfs -o "$OUT" none "$OUT"
printf '#!/bin/sh\nexec /usr/sbin/modprobe -d %s/modules "$@"\n' "$OUT" > /run/modprobe && chmod 755 /run/modprobe
echo /run/modprobe > /proc/sys/kernel/modprobe
ip link set lo up && ip addr add 127.0.0.2/8 dev lo
hostname guest
mkdir -p /mnt/srv /mnt/a /mnt/b
mount -t ext4 /dev/ubda /mnt/srv
mkdir -p /mnt/srv/x && chmod 1777 /mnt/srv/x

serve_nfs() {
    for module in nfs nfsv3 nfsv4 nfsd lockd; do /run/modprobe $module; done
    mount -t nfsd nfsd /proc/fs/nfsd
    mkdir -p /run/rpc_pipefs && mount -t rpc_pipefs rpc /run/rpc_pipefs
    mkdir -p /var/lib/nfs/v4recovery /var/lib/nfs/rpc_pipefs /var/lib/nfs/sm /var/lib/nfs/sm.bak /var/lib/nfs/nfsdcld /run/rpcbind
    : > /var/lib/nfs/etab && : > /var/lib/nfs/rmtab && echo 1 > /var/lib/nfs/state
    rpcbind && rpc.statd --no-notify
    exportfs -o rw,sync,no_subtree_check,no_root_squash,insecure,fsid=0 127.0.0.0/8:/mnt/srv/x
    rpc.mountd
    echo 10 > /proc/fs/nfsd/nfsv4leasetime
    rpc.nfsd 4
}

case $NETFS in
nfs42)
    serve_nfs
    mount -t nfs -o vers=4.2,hard,lookupcache=positive 127.0.0.1:/ /mnt/a
    echo another-client > /sys/fs/nfs/net/nfs_client/identifier # else both mounts are one client, and caches lie
    mount -t nfs -o vers=4.2,hard,lookupcache=positive,nosharecache 127.0.0.2:/ /mnt/b
    ;;
nfs3)
    serve_nfs
    mount -t nfs -o vers=3,hard,lookupcache=positive 127.0.0.1:/mnt/srv/x /mnt/a
    mount -t nfs -o vers=3,hard,lookupcache=positive,nosharecache 127.0.0.1:/mnt/srv/x /mnt/b
    ;;
cifs)
    /run/modprobe cifs
    printf '[global]\nserver role = standalone\nmap to guest = Bad User\nguest account = root\ninterfaces = lo\nbind interfaces only = yes\nsmb ports = 445\ndisable netbios = yes\nload printers = no\nprivate dir = /run/smb\nlock directory = /run/smb\nstate directory = /run/smb\ncache directory = /run/smb\npid directory = /run/smb\nncalrpc dir = /run/smb/ncalrpc\nlog file = /run/smb/log\nkernel oplocks = no\n[q]\npath = /mnt/srv/x\nguest ok = yes\nguest only = yes\nwritable = yes\nforce user = root\n' > /run/smb.conf
    smbd -D -s /run/smb.conf
    options=guest,uid=0,gid=0,vers=3.1.1,nosharesock,hard,serverino,cache=strict,actimeo=1,closetimeo=0
    for try in 1 2 3 4 5 6 7 8 9 10; do mount -t cifs //127.0.0.1/q /mnt/a -o $options 2> /dev/null && break; sleep 1; done
    mount -t cifs //127.0.0.1/q /mnt/b -o $options
    ;;
esac
grep -E ' /mnt/[ab] ' /proc/mounts
sh "$OUT/job.sh" > "$OUT/job.log" 2>&1
echo $? > "$OUT/status"
sync
umount -f -l /mnt/a /mnt/b 2> /dev/null
poweroff -f
