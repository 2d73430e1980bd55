"""Analytics: what an installation tells of itself once a day, anonymously (`payload`), and what receives such reports
(`server`, `store`, `page`). With no ``ANALYTICS_URL`` nothing leaves the machine.
"""
