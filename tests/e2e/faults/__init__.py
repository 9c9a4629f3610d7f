"""Every fault of the sandbox over real sockets: each record of the real producer is compared with the truth.

world        a sandbox and a producer in one event loop, and a judge between them
cases        which faults, and what each leads to: the table
playing      plays cases side by side
"""
