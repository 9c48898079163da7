"""Made-up people."""
FIRST = """anna boris carla denis elif farid gitte hugo ines jonas karin leo mara nils olga pavel
quirin rosa sven tina ugo vera willem xenia yusuf zoe amal bruno cem dora emil fay goran hana ivo
judit kai lena milo nora""".split()
LAST = """abel brandt costa duval egger fuchs garcia holm ivanov jansen keller lopez marin novak
olsen petit quist rossi sato tan ueda vogel weber xu young zhou""".split()


def people(count, dice):
    """`count` different pairs of first and last name."""
    seen = {}
    while len(seen) < count:
        seen[dice.choice(FIRST), dice.choice(LAST)] = True
    return list(seen)


def text_of(dice, length, letters):
    """A word of so many letters."""
    return "".join(dice.choice(letters) for _ in range(length))
