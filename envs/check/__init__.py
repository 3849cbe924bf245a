"""Does an environment keep its promises, and what do policies without skill earn?"""
