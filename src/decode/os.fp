; Signatures of today's systems, in the format of p0f 3 (section 5 of its README); read before any other book.
;
; Two words are ours. A label's class "?" says that several systems send this packet, so that no book may name one. Lines
; behind a label: `role = client|server|either` says what machines with that system are for (else by its name), and
; `ports = A-B` from which source ports it connects.
;
; "measured": from packets of that kernel, see tests/e2e/test_os_syn.py. Else as p0f 3.09 and later lists have them; where
; a release is not sure, none is named. A version is the first that sends this by itself: later ones can be set up to.

classes = win,unix,other

[tcp:request]

; The order of these options is Linux's alone, whatever else is set. Measured on 6.1 and 6.18. The default receive buffer
; is 131072 bytes since 4.20; the window is half of it, from 6.6 to 6.9 a quarter; its scale is 7, since 6.17 it is 10.
label = s:unix:Linux:4.20 or newer
sig = *:64:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+:0
sig = *:64:0:*:mss*44,10:mss,sok,ts,nop,ws:df,id+:0
sig = *:64:0:*:mss*45,7:mss,sok,ts,nop,ws:df,id+:0
sig = *:64:0:*:mss*45,10:mss,sok,ts,nop,ws:df,id+:0
sig = *:64:0:*:mss*22,7:mss,sok,ts,nop,ws:df,id+:0

label = s:unix:Linux:3.11 or newer
sig = *:64:0:*:mss*20,7:mss,sok,ts,nop,ws:df,id+:0
sig = *:64:0:*:mss*20,10:mss,sok,ts,nop,ws:df,id+:0

label = s:unix:Linux:3.1 or newer
sig = *:64:0:*:mss*10,4:mss,sok,ts,nop,ws:df,id+:0
sig = *:64:0:*:mss*10,5:mss,sok,ts,nop,ws:df,id+:0
sig = *:64:0:*:mss*10,6:mss,sok,ts,nop,ws:df,id+:0
sig = *:64:0:*:mss*10,7:mss,sok,ts,nop,ws:df,id+:0

label = g:unix:Linux:
sig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:*
sig = *:255-:0:*:*,*:mss,sok,ts,nop,ws:df,id+:*
; Multipath TCP, and fast open asking for a cookie.
sig = *:255-:0:*:*,*:mss,sok,ts,nop,ws,?30:df,id+:*
sig = *:255-:0:*:*,*:mss,sok,ts,nop,ws,?34,nop,nop:df,id+:*

; Without timestamps OpenBSD sends the same, from a window of 16384.
label = s:?:several:
sig = *:255-:0:*:16384,*:mss,nop,nop,sok,nop,ws:df,id+:0

label = g:unix:Linux:
sig = *:255-:0:*:*,*:mss,nop,nop,sok,nop,ws:df,id+:*

; Without SACK. p0f 3.09 knows a crawler by it, which calls itself Windows.
label = s:?:several:
sig = *:64:0:1380:mss*4,6:mss,nop,nop,ts,nop,ws:df,id+:0
sig = *:64:0:1380:mss*4,7:mss,nop,nop,ts,nop,ws:df,id+:0

label = g:unix:Linux:
sig = *:255-:0:*:*,*:mss,nop,nop,ts,nop,ws:df,id+:*

; This order is that of Windows since 2000. Its server editions send the same.
label = s:win:Windows:10 or newer, Server 2016 or newer
sig = *:128:0:*:64240,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig = *:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig = *:128:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig = *:128:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig = *:128:0:*:64240,8:mss,nop,ws,sok,ts:df,id+:0

label = s:win:Windows:Vista or newer, Server 2008 or newer
sig = *:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig = *:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig = *:128:0:*:8192,2:mss,nop,ws,sok,ts:df,id+:0
sig = *:128:0:*:8192,8:mss,nop,ws,sok,ts:df,id+:0

label = s:win:Windows:XP or Server 2003
sig = *:128:0:*:65535,0:mss,nop,ws,nop,nop,sok:df,id+:0
sig = *:128:0:*:65535,1:mss,nop,ws,nop,nop,sok:df,id+:0
sig = *:128:0:*:65535,2:mss,nop,ws,nop,nop,sok:df,id+:0

label = g:win:Windows:
sig = *:128:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+:0

; Without a window scale: many systems can be set up to send this. XP is told from them by where it connects from.
label = s:win:Windows:XP or Server 2003
ports = 1024-5000
sig = *:128:0:*:65535,0:mss,nop,nop,sok:df,id+:0
sig = *:128:0:*:16384,0:mss,nop,nop,sok:df,id+:0

; Darwin's order. Releases differ in the scale, phones and computers do not.
label = s:unix:macOS or iOS:
role = client
sig = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+,ecn:0
sig = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0

; Its packets without fragments carry no identification since 11.
label = s:unix:FreeBSD:9 or newer
sig = *:64:0:*:65535,6:mss,nop,ws,sok,ts:df,id+:0
sig = *:64:0:*:65535,6:mss,nop,ws,sok,ts:df:0

label = g:unix:FreeBSD:
sig = *:64:0:*:65535,*:mss,nop,ws,sok,ts:df,id+:0
sig = *:64:0:*:65535,*:mss,nop,ws,sok,ts:df:0

label = s:unix:OpenBSD:
sig = *:64:0:*:16384,*:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0

; What is left when timestamps, SACK or scales are turned off is the same on most systems.
label = g:?:several:
sig = *:255-:0:*:*,*:mss,sok,ts:df,id+:*
sig = *:255-:0:*:*,*:mss,nop,nop,ts:df,id+:*
sig = *:255-:0:*:*,*:mss,nop,nop,sok:df,id+:*
sig = *:255-:0:*:*,*:mss,nop,ws:df,id+:*
sig = *:255-:0:*:*,*:mss:df,id+:*

[tcp:response]

; An answer has only the options that were asked for. Linux sends it without an identification.
label = s:?:several:
sig = *:255-:0:*:16384,*:mss,nop,nop,sok,nop,ws:df:0

label = g:unix:Linux:
sig = *:255-:0:*:*,*:mss,sok,ts,nop,ws:df:0
sig = *:255-:0:*:*,*:mss,sok,ts,nop,ws,?30:df:0
sig = *:255-:0:*:*,*:mss,nop,nop,sok,nop,ws:df:0
sig = *:255-:0:*:*,*:mss,nop,nop,ts,nop,ws:df:0

label = s:win:Windows:10 or newer, Server 2016 or newer
sig = *:128:0:*:65535,8:mss,nop,ws,sok,ts:df,id+:0
sig = *:128:0:*:64240,8:mss,nop,ws,sok,ts:df,id+:0
sig = *:128:0:*:64240,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig = *:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+:0

label = s:win:Windows:Vista or newer, Server 2008 or newer
sig = *:128:0:*:8192,8:mss,nop,ws,sok,ts:df,id+:0
sig = *:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0

label = s:unix:macOS or iOS:
role = client
sig = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0

label = g:unix:FreeBSD:
sig = *:64:0:*:65535,*:mss,nop,ws,sok,ts:df,id+:0
sig = *:64:0:*:65535,*:mss,nop,ws,sok,ts:df:0

label = s:unix:OpenBSD:
sig = *:64:0:*:16384,*:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0

label = g:?:several:
sig = *:255-:0:*:*,*:mss,sok,ts:df:0
sig = *:255-:0:*:*,*:mss,sok,ts:df,id+:0
sig = *:255-:0:*:*,*:mss,nop,nop,ts:df:0
sig = *:255-:0:*:*,*:mss,nop,nop,ts:df,id+:0
sig = *:255-:0:*:*,*:mss,nop,nop,sok:df:0
sig = *:255-:0:*:*,*:mss,nop,nop,sok:df,id+:0
sig = *:255-:0:*:*,*:mss,nop,ws:df:0
sig = *:255-:0:*:*,*:mss,nop,ws:df,id+:0
sig = *:255-:0:*:*,*:mss:df:0
sig = *:255-:0:*:*,*:mss:df,id+:0
; p0f 3.09 has it both for FreeBSD and for macOS.
sig = *:64:0:*:65535,0:mss,sok,eol+1:df,id+:0
