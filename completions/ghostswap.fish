# fish completions for ghostswap. Written by python -m completions.

function __ghostswap_command --argument-names wanted --description 'Is this the command so far?'
    for word in (commandline -opc)[2..]
        if not string match -q -- '-*' $word
            test "$word" = "$wanted"
            return
        end
    end
    test -z "$wanted"
end

function __ghostswap_processes
    cat (string match -r '^/proc/\d+$' /proc/*)/comm 2>/dev/null | sort -u
end

function __ghostswap_cgroups
    set -l begin (commandline -ct | string replace -r '^--cgroup=' '')
    for group in /sys/fs/cgroup/$begin*/
        string replace /sys/fs/cgroup/ '' $group
    end
end

function __ghostswap_ghosts
    for device in /dev/mapper/ghostswap-*
        string replace /dev/mapper/ '' $device
    end
end

complete -c ghostswap -f
complete -c ghostswap -n '__ghostswap_command' -a estimate-dedup -d 'Estimate what zram, zswap, dedup and KSM would save'
complete -c ghostswap -n '__ghostswap_command' -a inspect -d 'Explain swap files and devices: would swapon(2) take them, and why not'
complete -c ghostswap -n '__ghostswap_command' -a label -d 'Show, or change, the label and the UUID of a swap area; also of a ghost, unlike swaplabel'
complete -c ghostswap -n '__ghostswap_command' -a mkghost -d 'Write a ghost swap file: one page, the header of a swap area that has no blocks on disk'
complete -c ghostswap -n '__ghostswap_command' -a off -d 'Bring back to memory what ghost areas hold, give them up, and remove what `on` made'
complete -c ghostswap -n '__ghostswap_command' -a on -d 'Swap to a ghost area: zswap holds its pages in memory, compressed, and no disk is used'
complete -c ghostswap -n '__ghostswap_command' -a plan -d 'Say how large a swap area should be: what its pool of RAM can hold of such pages'

complete -c ghostswap -n '__ghostswap_command' -l version -d 'Print the version'
complete -c ghostswap -n '__ghostswap_command' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command estimate-dedup' -F
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l pid -r -f -a '(__fish_complete_pids)' -d 'A running process; repeatable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l name -r -f -a '(__ghostswap_processes)' -d 'Processes of such a name; repeatable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l user -r -f -a '(__fish_complete_users)' -d 'A user\'s processes; repeatable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l cgroup -r -f -a '(__ghostswap_cgroups)' -d 'A control group\'s processes, and those below; repeatable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l all -d 'Every process but this one'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l children -d 'Also all descendants of the processes named'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l raw -d 'Take every file as raw pages, whatever it looks like'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l max-expansion -r -f -d 'How often its size a compressed dump may unpack to, beyond 1 GiB (default 1000)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l algorithm -r -f -a 'lz4 lz4hc lzo lzo-rle deflate zstd' -d 'lz4 (default), lz4hc, zstd[:LEVEL], lzo, lzo-rle or deflate; repeatable'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l kernel -r -f -a '6.1 6.12 6.18 7.1 7.2' -d 'Whose rules hold, e.g. 6.1 (default: the running one)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l zpool -r -f -a 'zsmalloc zbud z3fold' -d 'zswap\'s allocator (default: that kernel\'s; zbud before 6.3)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l ghost -d 'All swap areas are ghosts: what zswap refuses stays in RAM'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l no-writeback -d 'memory.zswap.writeback=0: nothing may go to disk'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l page-size -r -f -a '4096 8192 16384 32768 65536' -d 'Default: this machine\'s'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l engine -r -f -a 'library kernel' -d 'What compresses: libraries, or this kernel\'s zram (root)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l verify -d 'Use both engines and print the difference (root)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l group-by -r -f -a 'source mapping kind' -d 'Also count pages by group'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l top -r -f -d 'Show the N most copied contents, and how they begin'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l quick -d 'Compress a sample only; dedup stays exact'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l error -r -f -d 'With --quick: how exact the pool is to be, 95 times in 100 (default 0.5%)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l seed -r -f -d 'Another sample'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l save -r -F -d 'Keep the census as Parquet; no page contents'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l salt -r -f -d 'Makes saved censuses comparable (default: random)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l plot -r -F -d 'Draw a picture too: FILE ends in .svg, .png or .html'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l jobs -r -f -d 'Processes (default: all CPUs)'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l noheadings -d 'Print tables without headings'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l output -r -f -a '(__fish_complete_list , "printf %s\\n SYSTEM ALGORITHM POOL METADATA RAM SAVED RATIO COMPRESS DECOMPRESS")' -d 'Which columns a table shows'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command estimate-dedup' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command inspect' -F
complete -c ghostswap -n '__ghostswap_command inspect' -l fix -d 'Mend PATH where that is safe and local to it'
complete -c ghostswap -n '__ghostswap_command inspect' -l cgroups -d 'Also show control groups with pages in zswap'
complete -c ghostswap -n '__ghostswap_command inspect' -l watch -r -f -d 'Show the host again and again, until Ctrl-C'
complete -c ghostswap -n '__ghostswap_command inspect' -l openmetrics -d 'Print metrics for node_exporter\'s textfile collector'
complete -c ghostswap -n '__ghostswap_command inspect' -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command inspect' -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command inspect' -l noheadings -d 'Print tables without headings'
complete -c ghostswap -n '__ghostswap_command inspect' -l output -r -f -a '(__fish_complete_list , "printf %s\\n PRIORITY NAME TYPE SIZE USED MEDIUM")' -d 'Which columns a table shows'
complete -c ghostswap -n '__ghostswap_command inspect' -l root -r -f -a '(__fish_complete_directories)' -d 'Read the host below DIR (it holds proc/ and sys/)'
complete -c ghostswap -n '__ghostswap_command inspect' -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command inspect' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command label' -F
complete -c ghostswap -n '__ghostswap_command label' -l label -r -f -d 'New label, up to 15 bytes; \'\' for none'
complete -c ghostswap -n '__ghostswap_command label' -l uuid -r -f -a 'random nil' -d 'New UUID'
complete -c ghostswap -n '__ghostswap_command label' -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command label' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command mkghost' -F
complete -c ghostswap -n '__ghostswap_command mkghost' -l size -r -f -d 'Size of the area with its header page, as for mkswap: 512M, 64GiB, 2TB'
complete -c ghostswap -n '__ghostswap_command mkghost' -l pages -r -f -d 'The same in pages, the header page included'
complete -c ghostswap -n '__ghostswap_command mkghost' -l label -r -f -d 'Label, up to 15 bytes of UTF-8'
complete -c ghostswap -n '__ghostswap_command mkghost' -l uuid -r -f -a 'random nil' -d 'UUID of the area'
complete -c ghostswap -n '__ghostswap_command mkghost' -l page-size -r -f -a '4096 8192 16384 65536' -d 'Page size of the kernel it is for; default: this machine\'s'
complete -c ghostswap -n '__ghostswap_command mkghost' -l endianness -r -f -a 'native little big' -d 'Byte order of the header\'s numbers'
complete -c ghostswap -n '__ghostswap_command mkghost' -l force -d 'Replace an existing regular file, atomically'
complete -c ghostswap -n '__ghostswap_command mkghost' -l dry-run -d 'Check and show everything, write nothing'
complete -c ghostswap -n '__ghostswap_command mkghost' -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command mkghost' -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command mkghost' -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command mkghost' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command off' -F -a '(__ghostswap_ghosts)'
complete -c ghostswap -n '__ghostswap_command off' -l all -d 'Every ghost area'
complete -c ghostswap -n '__ghostswap_command off' -l force -d 'Even if memory may not hold what is in the area'
complete -c ghostswap -n '__ghostswap_command off' -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command off' -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command off' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command on' -F
complete -c ghostswap -n '__ghostswap_command on' -l size -r -f -d 'Without PATH: an area of this size, whose file is made and removed by itself'
complete -c ghostswap -n '__ghostswap_command on' -l priority -r -f -d '0 to 32767; higher is used first'
complete -c ghostswap -n '__ghostswap_command on' -l enable-zswap -d 'Turn zswap on, should it be off'
complete -c ghostswap -n '__ghostswap_command on' -l dry-run -d 'Print the shell lines it stands for, do nothing'
complete -c ghostswap -n '__ghostswap_command on' -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command on' -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command on' -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command on' -s h -l help -d 'Show this message and exit'

complete -c ghostswap -n '__ghostswap_command plan' -F
complete -c ghostswap -n '__ghostswap_command plan' -l pid -r -f -a '(__fish_complete_pids)' -d 'A running process; repeatable'
complete -c ghostswap -n '__ghostswap_command plan' -l name -r -f -a '(__ghostswap_processes)' -d 'Processes of such a name; repeatable'
complete -c ghostswap -n '__ghostswap_command plan' -l user -r -f -a '(__fish_complete_users)' -d 'A user\'s processes; repeatable'
complete -c ghostswap -n '__ghostswap_command plan' -l cgroup -r -f -a '(__ghostswap_cgroups)' -d 'A control group\'s processes, and those below; repeatable'
complete -c ghostswap -n '__ghostswap_command plan' -l all -d 'Every process but this one'
complete -c ghostswap -n '__ghostswap_command plan' -l children -d 'Also all descendants of the processes named'
complete -c ghostswap -n '__ghostswap_command plan' -l raw -d 'Take every file as raw pages, whatever it looks like'
complete -c ghostswap -n '__ghostswap_command plan' -l max-expansion -r -f -d 'How often its size a compressed dump may unpack to, beyond 1 GiB (default 1000)'
complete -c ghostswap -n '__ghostswap_command plan' -l ratio -r -f -d 'State the ratio instead'
complete -c ghostswap -n '__ghostswap_command plan' -l margin -r -f -d 'How far pages may take more or less than that (0; with --ratio 10%)'
complete -c ghostswap -n '__ghostswap_command plan' -l ram -r -f -d 'RAM (default: this host\'s); also several'
complete -c ghostswap -n '__ghostswap_command plan' -l max-pool-percent -r -f -d 'RAM that the pool may take (default: zswap\'s setting here, or 20)'
complete -c ghostswap -n '__ghostswap_command plan' -l demand -r -f -d 'What will be swapped out, if known'
complete -c ghostswap -n '__ghostswap_command plan' -l system -r -f -a 'zram zswap zram+dedup zswap+dedup ksm' -d 'What holds the pages (default zswap); ksm: zswap after KSM'
complete -c ghostswap -n '__ghostswap_command plan' -l algorithm -r -f -a 'lz4 lz4hc lzo lzo-rle deflate zstd' -d 'Compressor (default: the first there)'
complete -c ghostswap -n '__ghostswap_command plan' -l kernel -r -f -a '6.1 6.12 6.18 7.1 7.2' -d 'Whose slots (default: the estimate\'s kernel)'
complete -c ghostswap -n '__ghostswap_command plan' -l page-size -r -f -a '4096 8192 16384 32768 65536' -d 'Default: this machine\'s'
complete -c ghostswap -n '__ghostswap_command plan' -l quick -d 'Of sources, compress a sample only'
complete -c ghostswap -n '__ghostswap_command plan' -l explain -d 'Show how each figure comes about'
complete -c ghostswap -n '__ghostswap_command plan' -l print -r -f -a 'pages bytes mib' -d 'Print the recommended size, a plain number'
complete -c ghostswap -n '__ghostswap_command plan' -l emit -r -f -a 'sh fstab systemd zram-generator' -d 'Print the lines that set it up'
complete -c ghostswap -n '__ghostswap_command plan' -l path -r -F -d 'Where --emit puts the ghost file'
complete -c ghostswap -n '__ghostswap_command plan' -l plot -r -F -d 'Draw a picture too: FILE ends in .svg, .png or .html'
complete -c ghostswap -n '__ghostswap_command plan' -l json -d 'Print one JSON document and nothing else'
complete -c ghostswap -n '__ghostswap_command plan' -l bytes -d 'Print sizes as exact bytes'
complete -c ghostswap -n '__ghostswap_command plan' -l noheadings -d 'Print tables without headings'
complete -c ghostswap -n '__ghostswap_command plan' -l output -r -f -a '(__fish_complete_list , "printf %s\\n RAM SYSTEM RATIO POOL-LIMIT HOLDS AT-WORST AT-BEST SIZE RECOMMENDED PAGES")' -d 'Which columns a table shows'
complete -c ghostswap -n '__ghostswap_command plan' -l root -r -f -a '(__fish_complete_directories)' -d 'Read the host below DIR (it holds proc/ and sys/)'
complete -c ghostswap -n '__ghostswap_command plan' -l quiet -d 'Print no progress and no warnings'
complete -c ghostswap -n '__ghostswap_command plan' -s h -l help -d 'Show this message and exit'
